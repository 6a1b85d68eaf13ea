//! The one test binary: a module per command, and what holds for all of them.

mod architecture;
mod command_line;
mod conform;
mod documents;
mod exit_codes;
mod explain;
mod mock;
mod mock_command;
mod profiles;
mod raw;
mod readme;
mod reports;
mod schemas;
mod support;
