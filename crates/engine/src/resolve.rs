//! From a parsed call to the complete input of a decision: the tool's pin, the resource, its facts, the people.

use placet_domain::{
    AccessRequest, Code, ConnectorName, Flow, Object, Observed, Operation, Pin, Refusal, ResourceFacts,
    Timestamp, ToolCall,
};
use placet_policy::{BindError, Binding, Resolver, Snapshot};

use crate::{Caller, Engine, catalogue::Lookup, judged::Stopped};

impl Engine {
    #[tracing::instrument(level = "debug", skip_all)]
    pub(crate) async fn resolve(
        &self,
        policies: &Snapshot,
        caller: &Caller,
        call: ToolCall,
        now: Timestamp,
    ) -> Result<AccessRequest, Stopped> {
        let mut request = AccessRequest {
            now,
            agent: caller.agent().clone(),
            instance: caller.instance().clone(),
            user: self.acted_for(&caller.instance().mandate),
            call,
            pin: None,
            resource: None,
            facts: None,
            flow: Flow::default(),
            observed: Observed::default(),
            lifted: Vec::new(),
            granted: Vec::new(),
            usage: placet_domain::Usage::default(),
            opinions: Vec::new(),
        };
        match self.look_up(policies, caller, &request).await {
            Ok(Found { pin, binding, facts }) => {
                request.pin = pin;
                request.resource = binding.map(|binding| binding.resource);
                request.facts = facts;
                request.granted = self.lending.at_hand(
                    &request.agent.name,
                    request.call.connector(),
                    request.call.operation(),
                    request.resource.as_ref(),
                    now,
                );
                request.usage.values = self.usage_values(policies, &request);
                request.flow = self.flow(policies, &request);
                request.observed = self.observed(policies, &request);
                match self.within_parents(policies, &request) {
                    Ok(inherited) => {
                        request.usage.inherited = inherited;
                        Ok(request)
                    }
                    Err(refusal) => Err(Stopped::unresolved(request, refusal)),
                }
            }
            Err(refusal) => Err(Stopped::unresolved(request, refusal)),
        }
    }

    async fn look_up(
        &self,
        policies: &Snapshot,
        caller: &Caller,
        request: &AccessRequest,
    ) -> Result<Found, Refusal> {
        self.unless_road_halted(request.call.connector(), Some(request.call.operation()))?;
        self.unless_signed_out(request.call.connector())?;
        let pin = self.accepted_pin(&request.call)?;
        self.within_charter(&request.agent, request.call.connector(), request.call.operation())?;
        let binding = policies.binding(&request.call).map_err(unbound)?;
        let resource = binding.as_ref().map(|binding| &binding.resource);
        self.within_mandate(caller, request.call.connector(), request.call.operation(), resource)?;
        let facts = match &binding {
            Some(Binding { resource, resolver: Some(resolver), .. }) => {
                Some(self.fetch(&request.call, resolver, &resource.id, request.now).await?)
            }
            _ => None,
        };
        Ok(Found { pin, binding, facts })
    }

    /// Nothing is judged that could not be sent.
    fn unless_signed_out(&self, connector: &ConnectorName) -> Result<(), Refusal> {
        self.ports
            .connectors
            .standing(connector)
            .map_err(|why| Refusal::new(Code::UpstreamSignIn, why).with_who("the operators of this Placet"))
    }

    fn accepted_pin(&self, call: &ToolCall) -> Result<Option<Pin>, Refusal> {
        let Operation::Tool(tool) = call.operation() else { return Ok(None) };
        match self.catalogue.look_up(call.connector(), tool) {
            Lookup::Accepted(pin) => Ok(Some(pin)),
            Lookup::Quarantined { is_new } => {
                let how = match is_new {
                    true => "appeared after the connector's tools were accepted",
                    false => "is not defined as it was when it was accepted",
                };
                let why = format!("`{}.{tool}` {how}", call.connector());
                Err(Refusal::new(Code::Quarantined, why).with_who("the operator"))
            }
            Lookup::Unknown => Err(Refusal::new(
                Code::UnknownTool,
                format!("connector `{}` has no tool `{tool}`", call.connector()),
            )),
        }
    }

    async fn fetch(
        &self,
        call: &ToolCall,
        resolver: &Resolver,
        id: &str,
        now: Timestamp,
    ) -> Result<ResourceFacts, Refusal> {
        // What is stopped is not asked in our own name either.
        self.unless_road_halted(call.connector(), Some(&Operation::Tool(resolver.tool.clone())))?;
        let arguments = Object::new().with(&resolver.argument, id);
        let found = self.ports.connectors.facts(call.connector(), &resolver.tool, arguments).await.map_err(
            |error| Refusal::new(Code::NoFacts, format!("`{}` of {id:?}: {error}", resolver.tool)),
        )?;
        match found {
            placet_domain::Json::Object(attributes) => Ok(ResourceFacts { attributes, fetched: now }),
            other => Err(Refusal::new(
                Code::NoFacts,
                format!("`{}` answered with {} instead of an object", resolver.tool, other.kind()),
            )),
        }
    }
}

fn unbound(error: BindError) -> Refusal {
    match error {
        BindError::Missing(_) | BindError::NotAnId { .. } => {
            Refusal::new(Code::OutsideSchema, error.to_string())
        }
        // The tool is accepted, but the policies in force were typed without it, or there are none.
        BindError::UnknownAction(_) => {
            let why = format!("the policies in force do not know the tool: {error}");
            Refusal::new(Code::NotJudged, why).with_who("the operator")
        }
    }
}

struct Found {
    pin: Option<Pin>,
    binding: Option<Binding>,
    facts: Option<ResourceFacts>,
}
