//! The closed model by goose: its users run our exchange, its clock and its figures are not used.
//!
//! What goose would do besides is switched off: its report, its metrics, its telnet and WebSocket controllers, its own
//! clients and time-outs. It has one switch to stop for the whole process, so one attack runs at a time. It hatches all
//! users at once; which of them are active our stages say (`Users::turn`). Its control loop takes half a second to see
//! that it is over; nobody waits for that.

use super::users::{Turn, User, Users};
use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction};
use goose::{GooseAttack, GooseError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Notify};

/// One attack at a time.
static ATTACK: Mutex<()> = Mutex::const_new(());

/// A user that is over looks so often whether goose has noticed.
const NAP: Duration = Duration::from_millis(50);

/// What the transaction shares with whoever started it.
struct Attack {
    users: Arc<Users>,
    states: Vec<Mutex<User>>,
    /// Users that are not over yet.
    left: AtomicU32,
    all_over: Notify,
    over: Vec<std::sync::atomic::AtomicBool>,
}

/// Runs all users to the end of the run.
pub(super) async fn drive(users: &Arc<Users>) {
    let most = users.ours();
    if most == 0 {
        return;
    }
    let turn = ATTACK.lock().await;
    let attack = Arc::new(Attack {
        users: Arc::clone(users),
        states: (0..most)
            .map(|number| Mutex::new(users.user(number)))
            .collect(),
        left: AtomicU32::new(most),
        all_over: Notify::new(),
        over: (0..most).map(|_| false.into()).collect(),
    });
    quiet_log();
    let goose = match prepare(&attack) {
        Ok(goose) => goose,
        Err(error) => {
            users.engine.end(
                crate::record::load::EndedBy::Error,
                Some(format!("goose can't be started: {error}")),
            );
            return;
        }
    };
    let all_over = attack.all_over.notified();
    tokio::pin!(all_over);
    let mut attacking = tokio::spawn(goose.execute());
    tokio::select! {
        () = &mut all_over => {
            ::goose::trigger_killswitch("the run is over");
            // It ends by itself, some hundred milliseconds later; the next attack waits for it, the record doesn't.
            tokio::spawn(async move {
                let _ = attacking.await;
                ::goose::reset_killswitch();
                drop(turn);
            });
        }
        result = &mut attacking => {
            let why = match result {
                Ok(Ok(_)) => "it ended by itself".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            ::goose::reset_killswitch();
            users.engine.end(
                crate::record::load::EndedBy::Error,
                Some(format!("goose stopped: {why}")),
            );
        }
    }
}

fn prepare(attack: &Arc<Attack>) -> Result<GooseAttack, GooseError> {
    let mut configuration = GooseConfiguration::default();
    configuration.host = Some("http://127.0.0.1".to_owned()); // required, and never asked: the exchange is ours
    configuration.users = Some(attack.states.len());
    configuration.increase_rate = Some("1000000".to_owned());
    configuration.no_telnet = true;
    configuration.no_websocket = true;
    configuration.no_metrics = true;
    configuration.no_print_metrics = true;
    configuration.no_transaction_metrics = true;
    configuration.no_error_summary = true;
    configuration.no_status_codes = true;
    configuration.quiet = 3;
    let inside = Arc::clone(attack);
    let transaction = Transaction::new(Arc::new(move |user: &mut GooseUser| {
        let attack = Arc::clone(&inside);
        let number = user.weighted_users_index;
        Box::pin(async move {
            attack.transaction(number).await;
            Ok(())
        })
    }));
    let scenario = Scenario::new("chat").register_transaction(transaction);
    Ok(GooseAttack::initialize_with_config(configuration)?
        .set_client_builder_without_cookies(GooseClientBuilder::new().without_cookies())?
        .register_scenario(scenario))
}

impl Attack {
    /// One request of one user; or, once it is over, a nap.
    async fn transaction(&self, number: usize) {
        let (Some(state), Some(over)) = (self.states.get(number), self.over.get(number)) else {
            tokio::time::sleep(NAP).await;
            return;
        };
        if over.load(Ordering::Relaxed) {
            tokio::time::sleep(NAP).await;
            return;
        }
        // Nobody else has this user: the lock is there because goose's state has to be shared.
        let mut user = state.lock().await;
        match self.users.turn(&user).await {
            Turn::Go => self.users.ask(&mut user).await,
            Turn::Over => {
                over.store(true, Ordering::Relaxed);
                if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.all_over.notify_one();
                }
            }
        }
    }
}

/// Keeps Ctrl-C ours. goose takes SIGINT for itself, by a handler that replaces whatever is there, and then waits for
/// its users; unless `ctrlc`, through which it does, has a handler already: that of this function, which does nothing.
/// To be called before anything else listens to the signal, for it would replace that as well.
pub fn keep_ctrl_c() {
    // Where somebody else has it, goose can't take it either.
    let _ = ctrlc::set_handler(|| {});
}

/// goose writes its log to standard output unless somebody else has the log. Nobody reads it here.
fn quiet_log() {
    struct Nobody;
    impl log::Log for Nobody {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            false
        }
        fn log(&self, _: &log::Record<'_>) {}
        fn flush(&self) {}
    }
    static NOBODY: Nobody = Nobody;
    // Whoever has it already keeps it.
    let _ = log::set_logger(&NOBODY);
}
