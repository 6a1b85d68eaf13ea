//! goose as its own examples use it: its client, its request, the whole body as text.
//!
//! `plain-goose HOST:PORT PATH USERS ANSWERS-EACH json|stream`

use goose::config::GooseConfiguration;
use goose::prelude::*;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let [_, host, path, users, each, mode] = args.as_slice() else {
        return Err("plain-goose HOST:PORT PATH USERS ANSWERS-EACH json|stream".into());
    };
    let body = format!(
        "{{\"messages\":[{{\"role\":\"user\",\"content\":\"Hello!\"}}],\"stream\":{}}}",
        mode == "stream"
    );
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some(format!("http://{host}"));
    configuration.users = Some(users.parse()?);
    configuration.iterations = Some(each.parse()?);
    configuration.increase_rate = Some("1000000".to_owned());
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    configuration.no_print_metrics = true;
    configuration.quiet = 3;
    let path = Arc::new(path.clone());
    let body = Arc::new(body);
    let ask = Transaction::new(Arc::new(move |user: &mut GooseUser| {
        let (path, body) = (Arc::clone(&path), Arc::clone(&body));
        Box::pin(async move {
            let request = user
                .get_request_builder(&GooseMethod::Post, &path)?
                .header("authorization", "Bearer sk_goose")
                .header("content-type", "application/json")
                .body(body.as_str().to_owned());
            let request = GooseRequest::builder().set_request_builder(request).build();
            let answer = user.request(request).await?;
            answer.response?.text().await?;
            Ok(())
        })
    }));
    GooseAttack::initialize_with_config(configuration)?
        .register_scenario(scenario!("Chat").register_transaction(ask))
        .execute()
        .await?;
    Ok(())
}
