//! The plain task pool: a task a user. The yardstick that goose is held against.

use super::users::Users;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Runs all users to the end of the run.
pub(super) async fn drive(users: &Arc<Users>) {
    let mut tasks = JoinSet::new();
    for number in 0..users.ours() {
        let users = Arc::clone(users);
        tasks.spawn(async move { users.live(number).await });
    }
    while tasks.join_next().await.is_some() {}
}
