//! The description of the API for programs, OpenAPI 3.1, made from the table of routes.

use super::routes::{Answer, Field, FieldKind, GET, ROUTES, Route};
use serde_json::{Map, Value, json};

/// The whole document.
pub fn document() -> String {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "evenkeel",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Look into a running evenkeel, and tell it what to do. Over TCP send the token of \
                            `admin.token-file` as `Authorization: Bearer …`; without one only GET \
                            is answered, but for those who show a certificate that `admin.tls.client-ca` counts.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:9900"}],
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {"type": "string", "description": "What is wrong, for a person"},
                    "problems": {
                        "type": "array",
                        "items": {"type": "object"},
                        "description": "With 422: every mistake in the configuration, as `evenkeel check --json` has them",
                    },
                },
            }},
        },
    });
    format!("{document:#}\n")
}

fn operation(route: &Route) -> Value {
    let in_query = route.method == GET;
    let parts = route.path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    let parts = parts.map(|name| {
        json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}})
    });
    let fields = route.fields.iter().filter(|_| in_query).map(|field| {
        json!({
            "name": field.name,
            "in": "query",
            "required": field.required,
            "description": field.doc,
            "schema": in_query_schema(field.kind),
        })
    });
    let mut operation = json!({
        "operationId": id(route),
        "summary": route.summary,
        "parameters": parts.chain(fields).collect::<Vec<_>>(),
        "responses": responses(route),
    });
    if !in_query && !route.fields.is_empty() {
        let required = route.fields.iter().any(|it| it.required);
        operation["requestBody"] =
            json!({"required": required, "content": {"application/json": {"schema": body(route.fields)}}});
    }
    operation
}

/// `getServices`, `postSessionsClose`: the method and the words of the path.
fn id(route: &Route) -> String {
    let mut id = route.method.to_lowercase();
    let path = route.path.strip_prefix("/api/v1").unwrap_or(route.path);
    for word in path.split(['/', '{', '}', '.']).filter(|it| !it.is_empty()) {
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_uppercase());
        id.push_str(rest);
    }
    id
}

fn body(fields: &[Field]) -> Value {
    let properties: Map<_, _> = fields
        .iter()
        .map(|field| {
            let mut property = schema(field.kind);
            property["description"] = field.doc.into();
            (field.name.to_owned(), property)
        })
        .collect();
    let required: Vec<_> = fields.iter().filter(|it| it.required).map(|it| it.name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// In a query the name of a flag alone is a yes.
fn in_query_schema(kind: FieldKind) -> Value {
    match kind {
        FieldKind::Flag => json!({"anyOf": [{"type": "boolean"}, {"const": ""}]}),
        other => schema(other),
    }
}

fn schema(kind: FieldKind) -> Value {
    match kind {
        FieldKind::Text => json!({"type": "string"}),
        FieldKind::Number(max) => json!({"type": "integer", "minimum": 0, "maximum": max}),
        FieldKind::Flag => json!({"type": "boolean"}),
    }
}

fn responses(route: &Route) -> Value {
    let object = json!({"schema": {"type": "object"}});
    let text = json!({"schema": {"type": "string"}});
    let content = match route.answer {
        Answer::Json => json!({"application/json": object}),
        Answer::Text => json!({"text/plain": text}),
        Answer::Page => json!({"text/html": text}),
        Answer::Asset => json!({"text/css": text, "text/javascript": text, "image/svg+xml": text}),
        Answer::Events => json!({"application/json": object, "text/event-stream": text}),
    };
    let error = json!({
        "description": "It was not done",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    });
    let mut responses = json!({"200": {"description": "It was done", "content": content}, "default": error});
    if route.answer == Answer::Text {
        responses["503"] = json!({"description": "No", "content": {"text/plain": text}});
    }
    responses
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_document_is_fresh() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        if std::env::var_os("EVENKEEL_BLESS").is_some() {
            std::fs::write(&path, document()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(written == document(), "stale: EVENKEEL_BLESS=1 writes docs/openapi.json anew");
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut ids: Vec<_> = ROUTES.iter().map(id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), ROUTES.len());
        assert!(ids.contains(&"postSessionsClose".to_owned()), "{ids:?}");
    }
}
