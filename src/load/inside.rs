//! The built-in mock, as a scenario's `[mock]` wants it.

use super::scenario::Scenario;
use crate::mock::MockConfig;

/// How the built-in mock is started for a scenario.
pub fn mock_config(_scenario: &Scenario) -> MockConfig {
    MockConfig::default()
}
