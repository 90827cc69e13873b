//! The description as people read it: by group, with examples and lines to paste into a terminal.

use serde_json::{Map, Value, json};

/// Operations on one subject.
pub struct Group {
    pub name: String,
    pub operations: Vec<Operation>,
}

/// A method on a URL.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub summary: String,
    pub description: String,
    pub credentials: Vec<String>,
    pub request: Option<String>,
    pub responses: Vec<Answer>,
    pub curl: String,
}

/// One possible answer.
pub struct Answer {
    pub status: String,
    pub description: String,
    pub example: Option<String>,
}

/// All operations of an OpenAPI document, grouped by their first tag in the order of [`GROUPS`].
pub fn groups(document: &Value, public_url: &str) -> Vec<Group> {
    let mut all = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            let tag = operation["tags"][0].as_str().unwrap_or_default().to_owned();
            all.push((tag, read(document, method, path, operation, public_url)));
        }
    }
    let group = |name: &&str| {
        let own = all.extract_if(.., |(tag, _)| tag == name).map(|(_, operation)| operation).collect();
        Group { name: (*name).to_owned(), operations: own }
    };
    GROUPS.iter().map(group).collect()
}

fn read(document: &Value, method: &str, path: &str, operation: &Value, public_url: &str) -> Operation {
    let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
    let names = operation["security"].as_array().into_iter().flatten();
    let credentials: Vec<String> = names.flat_map(members).map(|(name, _)| name.replace('_', " ")).collect();
    let request = body_example(document, &operation["requestBody"]);
    let answer = |(status, response): (&String, &Value)| Answer {
        status: status.clone(),
        description: response["description"].as_str().unwrap_or_default().to_owned(),
        example: problem_example(status, response).or_else(|| body_example(document, response)).as_ref().map(pretty),
    };
    Operation {
        curl: curl(method, path, public_url, &credentials, request.as_ref()),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text("summary"),
        description: text("description"),
        request: request.as_ref().map(pretty),
        // What every operation has is said once, above all of them.
        responses: members(&operation["responses"]).filter(|(status, _)| *status != "default").map(answer).collect(),
        credentials,
    }
}

fn curl(method: &str, path: &str, public_url: &str, credentials: &[String], body: Option<&Value>) -> String {
    let call = match method {
        "get" => format!("curl {public_url}{path}"),
        other => format!("curl -X {} {public_url}{path}", other.to_uppercase()),
    };
    let body = body.map(|body| format!("--json '{body}'"));
    let takes_token = credentials.iter().any(|name| name == "access token");
    let token = takes_token.then(|| "-H \"Authorization: Bearer $ACCESS\"".to_owned());
    [Some(call), body, token].into_iter().flatten().collect::<Vec<_>>().join(" \\\n  ")
}

fn body_example(document: &Value, holder: &Value) -> Option<Value> {
    let (_, content) = members(&holder["content"]).next()?;
    let example = example(document, &content["schema"], 0);
    (!example.is_null()).then_some(example)
}

/// Problem details as that status has them.
fn problem_example(status: &str, response: &Value) -> Option<Value> {
    response["content"].get("application/problem+json")?;
    let status: u16 = status.parse().ok()?;
    let title = axum::http::StatusCode::from_u16(status).ok()?.canonical_reason()?;
    Some(json!({
        "type": "about:blank", "title": title, "status": status, "detail": "…", "request_id": "9f2c61d07be4a853"
    }))
}

/// An example value for a schema: its own example, or one put together from its parts.
fn example(document: &Value, schema: &Value, depth: usize) -> Value {
    if depth > 8 {
        return Value::Null;
    }
    let below = |schema: &Value| example(document, schema, depth + 1);
    if let Some(own) = schema.get("example").or_else(|| schema.get("examples")?.get(0)) {
        return own.clone();
    }
    if let Some(pointer) = schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
        return document.pointer(pointer).map_or(Value::Null, below);
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let objects = parts.iter().map(below).filter_map(|part| part.as_object().cloned());
        return Value::Object(objects.flatten().collect());
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().map(below).find(|choice| !choice.is_null()).unwrap_or_default();
    }
    let kinds = schema["type"].as_array().and_then(|kinds| kinds.iter().find(|kind| *kind != "null"));
    match kinds.unwrap_or(&schema["type"]).as_str() {
        Some("object") => {
            let fields = members(&schema["properties"]).map(|(name, field)| (name.clone(), below(field)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Some("array") => json!([below(&schema["items"])]),
        Some("string") => json!("…"),
        Some("integer") => json!(1_795_442_700_000_i64),
        Some("boolean") => json!(true),
        _ => Value::Null,
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The groups in the order of their use.
const GROUPS: [&str; 4] = ["Login", "Session", "Keys", "Operation"];
