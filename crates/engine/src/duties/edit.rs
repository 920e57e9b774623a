//! Editing the result of a tool: its structured content, and the texts that say the same.
//! A result that cannot be looked through is not edited but withheld.

use bytes::Bytes;
use placet_domain::{Discharge, Duty, Json, Object, Obligation, PolicyId};

use super::{Withheld, cut, sweep::Sweep};

/// The member that paths of obligations begin with.
const STRUCTURED: &str = "structuredContent";
/// What stands for a text that may say what was taken out.
const NOTICE: &str = "[withheld: this text may hold what a policy takes out of the result]";

/// The result with every obligation carried out, in the bytes it came in if there was nothing to do.
pub(super) fn edit(
    raw: &Bytes,
    first: &PolicyId,
    obligations: &[Obligation],
) -> Result<(Bytes, Vec<Discharge>), Withheld> {
    let mut result = Parts::of(raw).map_err(|why| withheld(first, why))?;
    let mut discharges = Vec::with_capacity(obligations.len());
    let (mut sweep, mut rows_were_cut) = (Sweep::default(), false);
    for obligation in obligations {
        let failed = |why: String| withheld(&obligation.policy, &why);
        let count = match &obligation.duty {
            Duty::Redact(paths) => {
                let mut count = 0;
                for path in paths {
                    let steps = path.below(STRUCTURED).ok_or_else(|| failed(outside(path)))?;
                    let take = |document: &mut Json| cut::redact(document, steps, &mut sweep);
                    count += result.each(take).map_err(failed)?.told;
                }
                count
            }
            Duty::CapRows { rows, path } => {
                let steps = path.below(STRUCTURED).ok_or_else(|| failed(outside(path)))?;
                let cut = result.each(|document| cut::cap(document, steps, *rows)).map_err(failed)?;
                rows_were_cut |= cut.anywhere;
                cut.told
            }
            Duty::RequireFields(_) => 0,
        };
        discharges.push(Discharge { policy: obligation.policy.clone(), kind: obligation.duty.kind(), count });
    }
    if sweep.is_empty() && !rows_were_cut {
        return Ok((raw.clone(), discharges));
    }
    let edited = result.join(&sweep, rows_were_cut).map_err(|why| withheld(first, why))?;
    Ok((Json::Object(edited).canonical().into(), discharges))
}

/// A result taken apart.
struct Parts {
    result: Object,
    structured: Option<Json>,
    content: Vec<Block>,
}

/// How often something was done.
struct Times {
    /// In the structured content, or in the texts if there is none.
    told: u64,
    /// Whether it was done at all, in whatever place.
    anywhere: bool,
}

/// A block of the content.
enum Block {
    /// A text that is a JSON document: its block, the document, and whether it has been edited as the structured
    /// content was.
    Document(Object, Json, bool),
    /// Any other.
    Other(Object),
}

impl Parts {
    fn of(raw: &[u8]) -> Result<Self, &'static str> {
        let Ok(Json::Object(mut result)) = Json::parse(raw) else {
            return Err("the result cannot be read in exactly one way");
        };
        let complete = result.member("resultType").is_none_or(|kind| kind.as_str() == Some("complete"));
        if !complete || result.member("task").is_some() {
            return Err("the result is not complete: it is a task or asks for something");
        }
        let structured = match result.remove(STRUCTURED) {
            None => None,
            Some(document @ Json::Object(_)) => Some(document),
            Some(_) => return Err("the structured content is not an object"),
        };
        let content = match result.remove("content") {
            None => Vec::new(),
            Some(Json::Array(blocks)) => blocks.into_iter().map(Block::of).collect::<Result<_, _>>()?,
            Some(_) => return Err("the content is not a list"),
        };
        let is_json =
            structured.is_some() || content.iter().any(|block| matches!(block, Block::Document(..)));
        if !is_json {
            return Err("the result is not JSON: it has neither structured content nor a JSON text");
        }
        Ok(Self { result, structured, content })
    }

    /// Does something to the structured content and to each text that says the same. How often, by the structured
    /// content if there is any. A text of another shape beside it is left to the sweep.
    fn each(&mut self, mut act: impl FnMut(&mut Json) -> Result<u64, String>) -> Result<Times, String> {
        let of_structured = self.structured.as_mut().map(&mut act).transpose()?;
        let mut of_texts = 0;
        for block in &mut self.content {
            let Block::Document(_, document, is_alike) = block else { continue };
            match act(document) {
                Ok(count) => {
                    of_texts += count;
                    *is_alike &= of_structured.is_none_or(|structured| structured == count);
                }
                Err(_) if of_structured.is_some() => *is_alike = false,
                Err(why) => return Err(why),
            }
        }
        let anywhere = of_texts > 0 || of_structured.is_some_and(|count| count > 0);
        Ok(Times { told: of_structured.unwrap_or(of_texts), anywhere })
    }

    /// Puts it together, with everything else swept of what was taken.
    fn join(self, sweep: &Sweep, rows_were_cut: bool) -> Result<Object, &'static str> {
        let Self { result, structured, content } = self;
        // What is not a document may tell of rows that are gone, or in words of its own.
        let blunt = rows_were_cut || sweep.is_blunt();
        let mut edited = Object::new();
        let content: Vec<Json> =
            content.into_iter().map(|block| block.swept(sweep, blunt)).collect::<Result<_, _>>()?;
        edited.set("content", Json::Array(content));
        if let Some(structured) = structured {
            edited.set(STRUCTURED, structured);
        }
        for (name, value) in result.members() {
            if matches!(name, "isError" | "resultType") {
                edited.set(name, value.clone());
            } else if !blunt {
                let mut value = value.clone();
                sweep.clean(&mut value);
                edited.set(name, value);
            }
        }
        Ok(edited)
    }
}

impl Block {
    fn of(block: Json) -> Result<Self, &'static str> {
        let Json::Object(mut block) = block else { return Err("a block of the content is not an object") };
        match block.member("type").and_then(Json::as_str) {
            Some("text") => {}
            Some("resource" | "resource_link") => return Ok(Self::Other(block)),
            _ => return Err("the content holds what cannot be looked through"),
        }
        let document = match block.member("text").and_then(Json::as_str) {
            Some(text) if text.trim_start().starts_with(['{', '[']) => {
                Json::parse(text.trim().as_bytes()).ok()
            }
            Some(_) => None,
            None => return Err("a text of the content has no text"),
        };
        Ok(match document {
            Some(document) => {
                block.remove("text");
                Self::Document(block, document, true)
            }
            None => Self::Other(block),
        })
    }

    fn swept(self, sweep: &Sweep, blunt: bool) -> Result<Json, &'static str> {
        if blunt && !matches!(self, Self::Document(_, _, true)) {
            return Ok(Json::Object(Object::new().with("type", "text").with("text", NOTICE)));
        }
        match self {
            Self::Document(block, mut document, _) => {
                sweep.clean(&mut document);
                let mut block =
                    if blunt { Object::new().with("type", "text") } else { cleaned(block, sweep) };
                block.set("text", document.canonical());
                Ok(Json::Object(block))
            }
            Self::Other(block) => {
                if block.member("resource").is_some_and(|resource| resource.member("blob").is_some()) {
                    return Err("the content holds what cannot be looked through");
                }
                Ok(Json::Object(cleaned(block, sweep)))
            }
        }
    }
}

fn cleaned(block: Object, sweep: &Sweep) -> Object {
    let mut block = Json::Object(block);
    sweep.clean(&mut block);
    match block {
        Json::Object(block) => block,
        _ => Object::new(),
    }
}

fn outside(path: &placet_domain::FieldPath) -> String {
    format!("the path `{path}` does not lead into the structured content")
}

fn withheld(policy: &PolicyId, why: &str) -> Withheld {
    Withheld { policy: policy.clone(), why: why.to_owned() }
}
