//! `tools/list`: what the upstream lists, less what this caller could not call. The same rules judge both.

use bytes::Bytes;
use placet_domain::{Code, ConnectorName, Refusal};
use placet_engine::{
    Caller, Passage, PassageKind,
    ports::{Answered, Link, Passed, Relay},
};
use placet_wire::{Era, RawResult, Request, list, reply};

use crate::{
    permission::{DEFINITION, is_first_page, is_ours},
    server::Gateway,
};

impl Gateway {
    /// Lists the tools that this caller may use.
    pub(crate) async fn list_tools(
        &self,
        caller: &Caller,
        connector: &ConnectorName,
        request: &Request,
        (link, era): (Link, Era),
        relay: Relay,
    ) -> Result<(Passed, Bytes), Refusal> {
        if !self.engine.tools().iter().any(|tool| tool.connector == *connector) {
            // First sight is of the whole list, not of one page of it.
            self.engine.refresh(connector).await?;
        }
        let passage =
            Passage { connector: connector.clone(), kind: PassageKind::ListTools(request.params.clone()) };
        let passed = self.engine.pass(caller, passage, link, relay).await?;
        let message = match &passed.answer {
            Some(Answered::Error(raw)) => {
                reply::raw_error(Some(&request.id), std::str::from_utf8(raw).unwrap_or("{}"))
            }
            Some(Answered::Result(raw)) => {
                let unreadable = |why: String| Refusal::new(Code::ToolUnreachable, why);
                let result = RawResult::parse(raw).map_err(|error| unreadable(error.to_string()))?;
                let seen = list::tools(&result).map_err(|error| unreadable(error.to_string()))?;
                self.engine.observe(connector, seen.tools).await?;
                let shown = |name: &str| {
                    name.parse()
                        .is_ok_and(|tool| !is_ours(&tool) && self.engine.shows(caller, connector, &tool))
                };
                let ours =
                    (is_first_page(request) && self.engine.may_ask_grants(caller)).then_some(DEFINITION);
                let filtered =
                    list::filter(&result, shown, ours, era).map_err(|error| unreadable(error.to_string()))?;
                reply::result(&request.id, &filtered)
            }
            None => return Err(Refusal::new(Code::ToolUnreachable, "the upstream did not answer")),
        };
        Ok((passed, message))
    }
}
