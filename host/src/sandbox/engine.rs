//! The wasmtime engine: how code is compiled, and where instances come from.

use wasmtime::{
    Config as Wasmtime, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Result,
    ensure, error::Context as _,
};

use super::epochs;
use crate::config::Config;

/// Instances that serve no connection: those that check a plugin which is loaded.
const SPARE_INSTANCES: u32 = 4;
/// Core instances that one component may be made of: its own, and the two that
/// make its state reachable.
const CORE_INSTANCES_PER_COMPONENT: u32 = 20 + 2;
/// Memories that one component may have: its own, and the one by which its state is
/// reached.
const MEMORIES_PER_COMPONENT: u32 = 4 + 1;
/// Memories there are for each instance: what most components have.
const MEMORIES_PER_INSTANCE: u32 = 1 + 1;
/// Tables that one component may have.
const TABLES_PER_COMPONENT: u32 = 10;
/// Tables there are for each instance: what Rust's and C's components have.
const TABLES_PER_INSTANCE: u32 = 2;
/// Memory mappings of one instance (8 were counted: memories, tables, fiber stack)
/// and of everything else in the process.
const MAPPINGS_PER_INSTANCE: u64 = 9;
const MAPPINGS_ELSEWHERE: u64 = 2_000;
/// Stack for wasm, and in all: the rest is for host functions, which run on the
/// same fiber.
const WASM_STACK_BYTES: usize = 512 * 1024;
const FIBER_STACK_BYTES: usize = 1024 * 1024;
/// Makes the engine, whose guests are interrupted by epochs.
///
/// # Errors
/// A machine that can't hold the pool which the settings ask for.
pub fn engine(config: &Config) -> Result<Engine> {
    check_mappings(config)?;
    let mut wasmtime = code(config);
    wasmtime.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    let engine = Engine::new(&wasmtime).with_context(|| {
        format!(
            "can't reserve room for {} instances of {} bytes; lower instances_max or memory_max_bytes",
            config.instances_max, config.memory_max_bytes
        )
    })?;
    epochs::count(&engine)?;
    Ok(engine)
}

/// An engine for the same compiled code as [`engine`]'s, without a pool and
/// without a clock: to compile, and for instances that serve no connection.
///
/// # Errors
/// Only if the machine can't run WebAssembly.
pub fn unpooled(config: &Config) -> Result<Engine> {
    Engine::new(&code(config))
}

/// What decides on the compiled code.
fn code(config: &Config) -> Wasmtime {
    let mut wasmtime = Wasmtime::new();
    wasmtime
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        .async_stack_zeroing(true)
        .memory_reservation(reservation(config))
        .memory_reservation_for_growth(0)
        .memory_may_move(false);
    wasmtime
}

/// Linux ends a process that asks for more mappings than `vm.max_map_count`:
/// this is found out before there are any connections to lose.
fn check_mappings(config: &Config) -> Result<()> {
    let Config { instances_max, instances_warm_max, .. } = *config;
    let Ok(text) = std::fs::read_to_string("/proc/sys/vm/max_map_count") else { return Ok(()) };
    let Ok(limit) = text.trim().parse::<u64>() else { return Ok(()) };
    let elsewhere = u64::from(instances_warm_max) * MAPPINGS_PER_INSTANCE + MAPPINGS_ELSEWHERE;
    let wanted = u64::from(instances_max) * MAPPINGS_PER_INSTANCE + elsewhere;
    ensure!(
        wanted <= limit,
        "{instances_max} instances may need {wanted} memory mappings, and the system allows {limit}; lower \
         instances_max to {}, or raise the limit by `sysctl vm.max_map_count={wanted}`",
        limit.saturating_sub(elsewhere) / MAPPINGS_PER_INSTANCE
    );
    Ok(())
}

/// Address space for each memory: its limit, in whole wasm pages.
fn reservation(config: &Config) -> u64 {
    (config.memory_max_bytes as u64).next_multiple_of(64 * 1024)
}

fn pool(config: &Config) -> PoolingAllocationConfig {
    let instances = config.instances_max.saturating_add(config.instances_warm_max);
    let instances = instances.saturating_add(SPARE_INSTANCES);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_memories(instances.saturating_mul(MEMORIES_PER_INSTANCE))
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .total_tables(instances.saturating_mul(TABLES_PER_INSTANCE))
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .total_stacks(instances)
        .max_memory_size(config.memory_max_bytes)
        .table_elements(config.table_elements_max);
    // A place that is left keeps no page: instances are reused (`warm.rs`), so few are made,
    // and what places of a past rush keep is memory that nobody else can have.
    pool
}
