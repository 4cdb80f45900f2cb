import { describe, expect, it } from 'vitest';
import { type Command, UsageError } from '../../src/cli/sluice/command-line/command.ts';
import { nearest } from '../../src/cli/sluice/command-line/nearest.ts';
import { readArguments } from '../../src/cli/sluice/command-line/read-arguments.ts';
import { commands } from '../../src/cli/sluice/commands.ts';
import { version } from '../../src/core/index.ts';
import { sluice } from './run-sluice.ts';

/** What a command line is refused with. */
function refusal(...args: string[]): string {
  try {
    readArguments(args, commands);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('names that are almost right', () => {
  it.each([
    [['doctr'], 'There is no command "doctr"; did you mean "doctor"?'],
    [['verfiy', 'x'], 'There is no command "verfiy"; did you mean "verify"?'],
    [['outbox'], 'There is no command "outbox"; did you mean "outbox-sql"?'],
    [['idempotency'], 'There is no command "idempotency"; did you mean "idempotency-sql"?'],
    [['Init'], 'There is no command "Init"; did you mean "init"?'],
    [['deploy'], 'There is no command "deploy"'],
    [['doctor', '--jsn'], 'There is no option "--jsn" of "sluice doctor"; did you mean --json?'],
    [['verify', 'x', '--time', '5'], 'There is no option "--time" of "sluice verify"; did you mean --timeout?'],
    [['outbox-sql', '--dialekt=x'], 'There is no option "--dialekt" of "sluice outbox-sql"; did you mean --dialect?'],
    [
      ['idempotency-sql', '--dialect=x', '--dialekt', 'y'],
      'There is no option "--dialekt" of "sluice idempotency-sql"; did you mean --dialect?',
    ],
    [['idempotency-sql', '--json'], 'There is no option "--json" of "sluice idempotency-sql"'],
    [['doctor', '--dialect', 'mysql'], 'There is no option "--dialect" of "sluice doctor"'],
    [['doctor', '-q'], 'There is no option "-q" of "sluice doctor"'],
    [['--hlep'], 'There is no option "--hlep"; did you mean --help?'],
    [['doctor', '--budgte', '14'], 'There is no option "--budgte" of "sluice doctor"; did you mean --budget?'],
  ])('%j', (args, message) => {
    expect(refusal(...args)).toBe(message);
  });

  it('takes no name for another one that is far from it', () => {
    expect(nearest('x', ['init', 'relay'])).toBeUndefined();
    expect(nearest('int', ['init'])).toBe('init');
  });
});

describe('what is wrong with a command line', () => {
  it.each([
    [[], 'Which command?'],
    [['doctor', '--timeout'], '--timeout needs a value: --timeout <ms>'],
    [['doctor', '--timeout', '--json'], '--timeout needs a value: --timeout <ms>'],
    [['doctor', '--timeout='], '--timeout needs a value: --timeout <ms>'],
    [['doctor', '--json=yes'], '--json takes no value'],
    [['verify'], '"sluice verify" needs URL'],
    [['verify', 'a', 'b'], '"sluice verify" takes URL alone, and 2 arguments were given'],
    [['init', 'x'], '"sluice init" takes nothing but options, and 1 arguments were given'],
    [['idempotency-sql', '--dialect'], '--dialect needs a value: --dialect <name>'],
    [['idempotency-sql', 'x'], '"sluice idempotency-sql" takes nothing but options, and 1 arguments were given'],
    [['relay'], '"sluice relay" needs --jobs <module>'],
  ])('%j', (args, message) => {
    expect(refusal(...args)).toBe(message);
  });

  it.each([
    ['postgres://shop:canary@db/shop'],
    ['--postgres://shop:canary@db/shop'],
    ['doctor', '--url=postgres://shop:canary@db/shop'],
    ['verify', 'postgres://shop:canary@db/shop', 'postgres://shop:canary@db/shop'],
    ['init', 'postgres://shop:canary@db/shop'],
  ])('does not repeat what may be a password: %s %s', (...args) => {
    expect(refusal(...args.filter((each) => each !== undefined))).not.toContain('canary');
  });

  it.each([
    ['doctor', 'foo://shop:canary@db/shop'],
    ['doctor', 'shop:canary@db'],
    ['doctor', 'postgres:canary'],
    ['doctor', 'mysql://shop:canary@db/shop?ssl=true'],
    ['verify', 'redis://:canary@db'],
    ['verify', 'postgres://h:canary'],
    ['doctor', '--timeout', '0'],
    ['doctor', '--timeout', '1e3'],
    ['doctor', '--processes', '-1'],
    ['doctor', '--dir', '/nowhere'],
    ['verify', 'postgres://h/x', '--schema', ''],
  ])('%s %s %s ends with 2 and the usage of the command', { timeout: 60_000 }, async (...args) => {
    const { code, stdout, stderr } = await sluice(args.filter((each) => each !== undefined));
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(`Usage:\n  sluice ${args[0]} `);
    expect(stderr).not.toContain('canary');
    expect(stderr).not.toContain('    at ');
  });
});

describe('help', () => {
  it.each([['--help'], ['-h'], ['help']])('%s names all commands, in 80 columns', async (...args) => {
    const { code, stdout } = await sluice(args);
    expect(code).toBe(0);
    for (const { name } of commands) expect(stdout).toContain(`  sluice ${name}`);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it.each(commands.map((command): [string, Command] => [command.name, command]))(
    'of %s names all its options',
    async (name, { options }) => {
      for (const args of [
        [name, '--help'],
        ['help', name],
        ['--help', name],
      ]) {
        const { code, stdout } = await sluice(args);
        expect(code).toBe(0);
        for (const option of Object.keys(options)) expect(stdout).toContain(`--${option}`);
        expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
      }
    },
  );

  it.each([['--version'], ['-v']])('%s is the version', async (option) => {
    expect(await sluice([option])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});
