//! Black-box tests: real sockets, and the programs that the documentation shows.

mod mock;
mod raw;
