//! What was given with a request, checked against the fields of its route: nothing unknown, everything of its kind.

use super::reply::Refused;
use super::routes::{Field, FieldKind, Route};
use crate::config::suggest;
use serde_json::Value;
use std::collections::BTreeMap;

/// Values by name.
#[derive(Debug, Default)]
pub struct Args(BTreeMap<&'static str, Given>);

#[derive(Debug)]
enum Given {
    Text(String),
    Number(u64),
    Flag(bool),
}

impl Args {
    /// From the parts of the path, and from the query or the body's JSON object.
    pub fn read(
        route: &Route,
        parts: Vec<(&'static str, String)>,
        query: &str,
        body: &[u8],
    ) -> Result<Self, Refused> {
        let mut args = Self(parts.into_iter().map(|(name, value)| (name, Given::Text(value))).collect());
        for pair in query.split('&').filter(|it| !it.is_empty()) {
            let (name, value) =
                pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
            let decode = |text: &str| super::decode(&text.replace('+', " ")).ok_or_else(|| broken(pair));
            let value = value.map(decode).transpose()?;
            let field = field(route, &decode(name)?)?;
            args.insert(field, from_query(field, value)?)?;
        }
        if !body.is_empty() {
            let value = serde_json::from_slice(body);
            let value = value.map_err(|error| Refused::bad(format!("the body is not JSON: {error}")))?;
            let Value::Object(values) = value else {
                return Err(Refused::bad("the body is not a JSON object"));
            };
            for (name, value) in values {
                let field = field(route, &name)?;
                args.insert(field, from_json(field, value)?)?;
            }
        }
        match route.fields.iter().find(|it| it.required && !args.0.contains_key(it.name)) {
            Some(missing) => Err(Refused::bad(format!("`{}` is missing", missing.name))),
            None => Ok(args),
        }
    }

    fn insert(&mut self, field: &'static Field, given: Given) -> Result<(), Refused> {
        match self.0.insert(field.name, given) {
            Some(_) => Err(Refused::bad(format!("`{}` is given twice", field.name))),
            None => Ok(()),
        }
    }

    /// The text called `name`, if it was given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Given::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// The number called `name`, if it was given.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name) {
            Some(Given::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// Whether the flag called `name` was given as a yes.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Given::Flag(true)))
    }
}

fn broken(pair: &str) -> Refused {
    Refused::bad(format!("`{}` in the query cannot be decoded", pair.escape_debug()))
}

fn field(route: &Route, name: &str) -> Result<&'static Field, Refused> {
    route.fields.iter().find(|it| it.name == name).ok_or_else(|| {
        let names: Vec<_> = route.fields.iter().map(|it| it.name).collect();
        let hint = suggest::word(name, &names).map(|it| format!("; did you mean `{it}`?"));
        Refused::bad(format!("nothing here is called `{}`{}", name.escape_debug(), hint.unwrap_or_default()))
    })
}

fn from_query(field: &Field, value: Option<String>) -> Result<Given, Refused> {
    let wrong = || Refused::bad(format!("`{}` is not {}", field.name, describe(field.kind)));
    match (field.kind, value) {
        (FieldKind::Text, Some(text)) => Ok(Given::Text(text)),
        (FieldKind::Number(max), Some(text)) => {
            let number = text.parse().ok().filter(|it| *it <= max);
            number.map(Given::Number).ok_or_else(wrong)
        }
        (FieldKind::Flag, value) => match value.as_deref() {
            None | Some("" | "1" | "true") => Ok(Given::Flag(true)),
            Some("0" | "false") => Ok(Given::Flag(false)),
            Some(_) => Err(wrong()),
        },
        (FieldKind::Text | FieldKind::Number(_), None) => Err(wrong()),
    }
}

fn from_json(field: &Field, value: Value) -> Result<Given, Refused> {
    match (field.kind, value) {
        (FieldKind::Text, Value::String(text)) => Some(Given::Text(text)),
        (FieldKind::Number(max), value) => value.as_u64().filter(|it| *it <= max).map(Given::Number),
        (FieldKind::Flag, Value::Bool(is)) => Some(Given::Flag(is)),
        _ => None,
    }
    .ok_or_else(|| Refused::bad(format!("`{}` is not {}", field.name, describe(field.kind))))
}

fn describe(kind: FieldKind) -> String {
    match kind {
        FieldKind::Text => "text".into(),
        FieldKind::Number(u64::MAX) => "a whole number".into(),
        FieldKind::Number(max) => format!("a whole number up to {max}"),
        FieldKind::Flag => "true or false".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::routes::{Found, find};
    use super::*;
    use hyper::Method;

    fn read(query: &str, body: &str) -> Result<Args, String> {
        let Found::Route(route, parts) = find(&Method::GET, "/api/v1/sessions") else { panic!("no route") };
        Args::read(route, parts, query, body.as_bytes()).map_err(|it| it.what)
    }

    #[test]
    fn values_are_of_their_kind_wherever_they_are_given() {
        let args = read("service=a%20b+c&limit=7", r#"{"client": "::1"}"#).unwrap();
        assert_eq!((args.text("service"), args.number("limit")), (Some("a b c"), Some(7)));
        assert_eq!((args.text("client"), args.number("id")), (Some("::1"), None));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for (query, body, what) in [
            ("servic=a", "", "nothing here is called `servic`; did you mean `service`?"),
            ("limit=x", "", "`limit` is not a whole number up to 1000"),
            ("limit=1001", "", "`limit` is not a whole number up to 1000"),
            ("limit=1&limit=2", "", "`limit` is given twice"),
            ("service", "", "`service` is not text"),
            ("service=%f", "", "`service=%f` in the query cannot be decoded"),
            ("", "[1]", "the body is not a JSON object"),
            ("", r#"{"id": -1}"#, "`id` is not a whole number"),
            ("id=1", r#"{"id": 1}"#, "`id` is given twice"),
        ] {
            assert_eq!(read(query, body).unwrap_err(), what, "{query} {body}");
        }
        assert!(read("", "{").unwrap_err().starts_with("the body is not JSON"));
    }
}
