//! Which request of an application's HTTP interface is which action: for gateways that know a method and a path.

use placet_domain::ToolName;

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    method: String,
    segments: Vec<Segment>,
    action: ToolName,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// Holds the resource's id.
    Id,
    /// Any one segment.
    Any,
}

/// Why a route cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a route; write `/segment/{{id}}/*`, with at most one `{{id}}` and without `.`, `%` or empty segments"
)]
pub struct RouteError(String);

impl Route {
    /// `PUT`, `/todos/{id}`, `can_update_todo`. `*` is any one segment.
    ///
    /// # Errors
    /// A template that paths could be read against in two ways.
    pub fn new(method: &str, template: &str, action: ToolName) -> Result<Self, RouteError> {
        let wrong = || RouteError(template.to_owned());
        let rest = template.strip_prefix('/').ok_or_else(wrong)?;
        let mut segments = Vec::new();
        for segment in rest.split('/') {
            segments.push(match segment {
                "{id}" => Segment::Id,
                "*" => Segment::Any,
                plain if is_plain(plain) && !plain.contains(['{', '}', '*']) => {
                    Segment::Literal(plain.to_owned())
                }
                _ => return Err(wrong()),
            });
        }
        match segments.iter().filter(|segment| **segment == Segment::Id).count() {
            0 | 1 => Ok(Self { method: method.to_ascii_uppercase(), segments, action }),
            _ => Err(wrong()),
        }
    }

    /// The action, and the id of its resource: the `{id}`, or the whole path where the route has none. A path that two
    /// programs could read differently fits no route.
    #[must_use]
    pub fn fit(&self, method: &str, path: &str) -> Option<(&ToolName, String)> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        if method != self.method || segments.len() != self.segments.len() {
            return None;
        }
        let mut id = path.to_owned();
        for (segment, given) in self.segments.iter().zip(&segments) {
            if !is_plain(given) {
                return None;
            }
            match segment {
                Segment::Literal(literal) if literal == given => {}
                Segment::Any => {}
                Segment::Id => id = (*given).to_owned(),
                Segment::Literal(_) => return None,
            }
        }
        Some((&self.action, id))
    }
}

/// Nothing that a server could take for another path: no escapes, no dots that climb, no parameters.
fn is_plain(segment: &str) -> bool {
    !segment.is_empty()
        && segment != "."
        && segment != ".."
        && segment
            .bytes()
            .all(|one| one.is_ascii_graphic() && !matches!(one, b'%' | b'\\' | b';' | b'?' | b'#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(template: &str) -> Result<Route, RouteError> {
        Route::new("put", template, "update".parse().unwrap())
    }

    #[test]
    fn a_path_is_one_action_with_one_id() {
        let todo = route("/todos/{id}").unwrap();
        assert_eq!(todo.fit("PUT", "/todos/7").unwrap().1, "7");
        assert_eq!(route("/todos").unwrap().fit("PUT", "/todos").unwrap().1, "/todos");
        assert_eq!(route("/a/*/{id}").unwrap().fit("PUT", "/a/b/c").unwrap().1, "c");
        for (method, path) in [
            ("GET", "/todos/7"),
            ("put", "/todos/7"),
            ("PUT", "/todos"),
            ("PUT", "/todos/7/8"),
            ("PUT", "/todos/"),
            ("PUT", "//todos/7"),
            ("PUT", "/todos/.."),
            ("PUT", "/todos/%37"),
            ("PUT", "/todos/7;v=1"),
            ("PUT", "/todos/7?x"),
            ("PUT", "todos/7"),
        ] {
            assert_eq!(todo.fit(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_template_that_could_be_read_in_two_ways_is_refused() {
        for template in ["todos", "/", "/a//b", "/{id}/{id}", "/{name}", "/a/../b", "/a%20b", "/a*"] {
            assert!(route(template).is_err(), "{template}");
        }
    }
}
