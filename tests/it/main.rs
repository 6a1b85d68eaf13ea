//! The one test binary: a module per command, and what holds for all of them.

mod answers;
mod architecture;
mod bad_targets;
mod browser;
mod command_line;
mod conform;
mod conform_mock;
mod coverage;
mod documents;
mod exit_codes;
mod explain;
mod interruption;
mod legal;
mod load_reports;
mod mock;
mod mock_command;
mod openapi;
mod profiles;
mod raw;
mod readme;
mod reports;
mod scenarios;
mod schemas;
mod selftest;
mod support;
mod teeth;
