import type { Command } from './command-line/command.ts';

const json = { about: 'prints JSON, for programs' };

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [
  {
    name: 'init',
    about: 'writes a starting file for the libraries of package.json, and overwrites nothing',
    options: {
      dir: {
        value: '<folder>',
        about: 'the folder of the program; default: this one, unless it is the root of a workspace',
      },
      'dry-run': { about: 'prints the file, and writes nothing' },
    },
    async run({ values, flags }) {
      const { init } = await import('./init/index.ts');
      return init({ dir: values['dir'], dryRun: flags.has('dry-run') });
    },
  },
  {
    name: 'doctor',
    about: 'looks for what is wrong with this project and the servers that it uses, and says what to do about it',
    positionals: { label: '[URL...]', least: 0, most: 100 },
    options: {
      processes: { value: '<n>', about: 'how many processes of the program there are; default 1' },
      budget: { value: '<n>', about: 'the most connections of each process, max + maxLevel; default 14' },
      dir: { value: '<folder>', about: 'the folder of the program; default: this one' },
      timeout: { value: '<ms>', about: 'how long a server may take to answer; default 5000' },
      json,
    },
    notes: `URLs are postgres://, mysql://, mariadb://, redis:// or rediss://. Without one it takes DATABASE_URL and REDIS_URL, and without those it looks at the project alone. It writes nothing.
The exit code is 0 if it finds nothing but notes, 1 for warnings and errors, and 2 if the command was not understood. All findings are in docs/doctor.md.`,
    async run(given) {
      const { runDoctor } = await import('./doctor/index.ts');
      return await runDoctor(given);
    },
  },
  {
    name: 'verify',
    about: 'tries on a server, pooler or cloud of yours what Sluice relies on, and prints what holds there',
    positionals: { label: 'URL', least: 1, most: 1 },
    options: {
      schema: { value: '<name>', about: 'the schema that it creates and drops; default: sluice_verify_ and a number' },
      timeout: { value: '<ms>', about: 'how long it may take in all; default 60000' },
      json,
    },
    notes: `URLs are postgres://, mysql:// or mariadb://. It works in a schema of its own (on MySQL and MariaDB a database), touches nothing else, and needs up to six connections.
The exit code is 0 if all holds that Sluice promises there, 1 if not or if that could not be found out, and 2 if the command was not understood. All rows are in docs/verify.md.`,
    async run(given) {
      const { runVerify } = await import('./verify/index.ts');
      return await runVerify(given);
    },
  },
  {
    name: 'inspect',
    about:
      'shows on a page who holds and waits for what on a server and in the processes of its fleet, until it is stopped',
    positionals: { label: 'URL', least: 1, most: 1 },
    options: {
      port: { value: '<n>', about: 'where the page is; default: a port that is free' },
      host: { value: '<address>', about: 'the address that it listens on; default 127.0.0.1' },
      'allow-host': {
        value: '<names>',
        about: 'names by which browsers reach it besides, as behind a proxy; several with commas',
      },
      redis: { value: '<URL>', about: 'a Redis over which the processes are asked, in place of PostgreSQL' },
      channel: {
        value: '<name>',
        about: 'the channel of the fleet; default sluice_inspector, on Redis sluice:inspector',
      },
    },
    notes: `URLs are postgres://, mysql:// or mariadb://. It prints the URL of the page, which lets in who has it. On PostgreSQL it shows the processes that have called joinFleet or startInspector with postgresFleet on this database, and other sessions of it; on MySQL and MariaDB sessions alone. With --redis it shows those that have joined over that Redis (redisFleet), whatever the server is. It writes nothing.
The exit code is 0 if SIGINT or SIGTERM has ended it, 1 if the server cannot be used or the port is taken, and 2 if the command was not understood. More is in docs/inspector.md.`,
    async run(given) {
      const { runInspect } = await import('./inspect.ts');
      return await runInspect(given);
    },
  },
  {
    name: 'relay',
    about: 'relays the outbox of the jobs that a module exports as "jobs", until it is stopped',
    options: { jobs: { value: '<module>', about: 'a file that exports what createJobs() returns', isRequired: true } },
    async run({ values }) {
      const { relayUntilStopped } = await import('./relay.ts');
      return await relayUntilStopped(values['jobs'] ?? '');
    },
  },
  {
    name: 'sagas',
    about: 'lists sagas, shows one with its steps, lets one that is stuck go on, or cancels one',
    positionals: { label: 'list|show|resume|cancel [SAGA ID]', least: 1, most: 3 },
    options: {
      url: { value: '<URL>', about: 'the database that the sagas live on; default DATABASE_URL' },
      status: {
        value: '<status>',
        about: 'list: running, waiting, compensating, completed, failed, cancelled or stuck alone',
      },
      saga: { value: '<name>', about: 'list: those of one definition alone' },
      limit: { value: '<n>', about: 'list: the most of them, oldest first; default 100, at most 1000' },
    },
    notes: `URLs are postgres://, mysql:// or mariadb://. What was resumed or cancelled is taken by a process that has called start() or run() of its definition.
The exit code is 0 if all went well, 1 if there is no such saga, it has ended or the server cannot be used, and 2 if the command was not understood. More is in docs/sagas.md.`,
    async run(given) {
      const { runSagas } = await import('./sagas/index.ts');
      return await runSagas(given);
    },
  },
  {
    name: 'events',
    about: 'lists publications of transactional events that are not completed, or has those that have failed run again',
    positionals: { label: 'list|resubmit [NUMBER...]', least: 1, most: 1_001 },
    options: {
      url: { value: '<URL>', about: 'the database of the publications; default DATABASE_URL' },
      state: { value: '<state>', about: 'list: published, processing or failed alone' },
      listener: { value: '<id>', about: 'those of one listener alone; resubmit: the failed ones of it' },
      all: { about: 'resubmit: the failed ones of all listeners' },
      limit: {
        value: '<n>',
        about: 'the most of them, oldest first; list: default 100, at most 1000; resubmit: default 1000',
      },
    },
    notes: `URLs are postgres://, mysql:// or mariadb://. What was resubmitted is run by a process that has started its events, with all of its attempts; what runs is left alone.
The exit code is 0 if all went well, 1 if the server cannot be used, and 2 if the command was not understood. More is in docs/transactional-events.md.`,
    async run(given) {
      const { runEvents } = await import('./events/index.ts');
      return await runEvents(given);
    },
  },
  {
    name: 'outbox-sql',
    about: 'prints the SQL of the tables of the outbox and inbox',
    options: { dialect: { value: '<name>', about: 'postgres, mysql (for MariaDB too) or sqlite; default postgres' } },
    async run({ values }) {
      const { printOutboxSql } = await import('./outbox-sql.ts');
      return printOutboxSql(values['dialect'] ?? 'postgres');
    },
  },
  {
    name: 'event-sql',
    about: 'prints the SQL of the tables of transactional events',
    options: { dialect: { value: '<name>', about: 'postgres, mysql (for MariaDB too) or sqlite; default postgres' } },
    async run({ values }) {
      const { printEventSql } = await import('./event-sql.ts');
      return printEventSql(values['dialect'] ?? 'postgres');
    },
  },
  {
    name: 'idempotency-sql',
    about: 'prints the SQL of the table of idempotent calls',
    options: { dialect: { value: '<name>', about: 'postgres, mysql (for MariaDB too) or sqlite; default postgres' } },
    async run({ values }) {
      const { printIdempotencySql } = await import('./idempotency-sql.ts');
      return printIdempotencySql(values['dialect'] ?? 'postgres');
    },
  },
  {
    name: 'saga-sql',
    about: 'prints the SQL of the tables of sagas',
    options: { dialect: { value: '<name>', about: 'postgres, mysql (for MariaDB too) or sqlite; default postgres' } },
    async run({ values }) {
      const { printSagaSql } = await import('./saga-sql.ts');
      return printSagaSql(values['dialect'] ?? 'postgres');
    },
  },
];
