//! Plain pages: no scripts, nothing from elsewhere, every text escaped.

use std::{error::Error, fmt};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::problem::causes;

/// A page with a title and paragraphs, forms and links in it.
#[derive(Debug)]
pub(super) struct Page {
    status: StatusCode,
    title: &'static str,
    /// Where the browser goes by itself. Needed after a visit at another site: a redirect from there would not carry
    /// our strict cookie.
    onward: Option<&'static str>,
    body: String,
    cookies: Vec<HeaderValue>,
}

/// A text with nothing in it that HTML would read.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                // Letters that hide or turn around what is next to them.
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    write!(formatter, "\\u{{{:x}}}", u32::from(letter))?;
                }
                letter if letter.is_control() => formatter.write_str(" ")?,
                letter => write!(formatter, "{letter}")?,
            }
        }
        Ok(())
    }
}

impl Page {
    pub(super) fn new(title: &'static str) -> Self {
        Self { status: StatusCode::OK, title, onward: None, body: String::new(), cookies: Vec::new() }
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Adds a paragraph of plain text.
    pub(super) fn says(mut self, text: &str) -> Self {
        self.body.push_str(&format!("<p>{}</p>\n", Escaped(text)));
        self
    }

    /// Adds what is HTML already. Only texts of this program, and [`Escaped`] ones, belong in it.
    pub(super) fn with(mut self, html: &str) -> Self {
        self.body.push_str(html);
        self.body.push('\n');
        self
    }

    pub(super) fn onward(mut self, to: &'static str) -> Self {
        self.onward = Some(to);
        self.with(&format!("<p><a href=\"{to}\">Go on</a></p>"))
    }

    pub(super) fn with_cookie(mut self, cookie: HeaderValue) -> Self {
        self.cookies.push(cookie);
        self
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let onward = self.onward.map(|to| format!("<meta http-equiv=\"refresh\" content=\"0; url={to}\">\n"));
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n{}<title>{title} · Placet</title>\n\
             <link rel=\"stylesheet\" href=\"/style.css\">\n<main>\n<h1>{title}</h1>\n{}</main>\n</html>\n",
            onward.unwrap_or_default(),
            self.body,
            title = self.title,
        );
        let mut response = (self.status, html).into_response();
        let kind = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        for cookie in self.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// A refusal in words.
pub(super) fn refusal(status: StatusCode, why: &str, next: &str) -> Page {
    Page::new("Not done").with_status(status).says(why).says(next)
}

pub(super) fn lost() -> Page {
    refusal(StatusCode::NOT_FOUND, "There is nothing here.", "Go back to the start page.")
}

pub(super) fn unavailable(error: &dyn Error) -> Response {
    tracing::error!(error = causes(error), "a page could not be made");
    let why = "That is not possible at the moment.";
    refusal(StatusCode::SERVICE_UNAVAILABLE, why, "Tell whoever operates Placet; the log says why.")
        .into_response()
}

pub(super) async fn style() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, STYLE).into_response()
}

const STYLE: &str = "\
main { max-width: 34rem; margin: 3rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; }
label { display: block; margin: .8rem 0; }
input { display: block; width: 100%; box-sizing: border-box; padding: .5rem; font: inherit; }
button { padding: .5rem 1rem; font: inherit; margin-right: .5rem; }
code { font-size: 1.3rem; letter-spacing: .1em; }
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_place() {
        let text = "<script>alert(1)</script>\"'&\u{202e}\n";
        assert_eq!(
            Escaped(text).to_string(),
            "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u{202e} "
        );
    }
}
