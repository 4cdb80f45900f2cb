import { describe, expect, it, onTestFinished } from 'vitest';
import { createEvents, createEventTables, defineEvent, type Events } from '../../src/events/index.ts';
import { UsageError } from '../../src/cli/sluice/command-line/command.ts';
import { readArguments } from '../../src/cli/sluice/command-line/read-arguments.ts';
import { commands } from '../../src/cli/sluice/commands.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, until } from '../support/settled.ts';
import { type Run, sluice } from './run-sluice.ts';

const server = useTestDatabase();
const limit = 60_000;
const placed = defineEvent<{ card: string }>('order.placed');
const command = (...args: string[]): Promise<Run> => sluice(['events', ...args], { env: { DATABASE_URL: server.url } });

/** Two listeners that fail until `isMended` is set. */
async function failing(): Promise<{ readonly events: Events; isMended: boolean }> {
  const database = server.open();
  await createEventTables(database.current);
  await server.sql('delete from sluice_event_publication');
  const events = createEvents(database, { pollInterval: 20, attempts: 1 });
  onTestFinished(() => events.stop({ timeout: 1_000 }));
  const made = { events, isMended: false };
  for (const id of ['invoice', 'mail'])
    events.on(placed, { phase: 'durable', id }, () => {
      if (!made.isMended) throw new TypeError(`no\n\u001B[31m printer ${'far '.repeat(100)}`);
    });
  await database.transaction(() => events.publish(placed, { card: 'canary-4242' }));
  events.start();
  const failed = async (): Promise<boolean> => (await events.incomplete({ state: 'failed' })).publications.length === 2;
  await until('both have failed', failed);
  return made;
}

/** The cells of a table. */
function cells({ stdout }: Run): string[][] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));
}

describe('events on PostgreSQL', () => {
  it('says what to do where there are no tables', { timeout: limit }, async () => {
    await server.sql('drop table if exists sluice_event_publication');
    const { code, stderr } = await command('list');
    expect([code, stderr]).toEqual([1, expect.stringContaining('npx sluice event-sql')]);
  });

  it('lists them without payloads, and has them run again', { timeout: limit }, async () => {
    const made = await failing();
    const all = await command('list');
    expect(all).toMatchObject({ code: 0, stderr: '' });
    const row = (listener: string): unknown[] => [
      expect.stringMatching(/^\d+$/),
      listener,
      'order.placed',
      'failed',
      '1',
      expect.stringMatching(/^\d+ m?s$/),
      expect.stringMatching(/^TypeError: no /),
    ];
    expect(cells(all)).toEqual([
      ['NUMBER', 'LISTENER', 'EVENT', 'STATE', 'ATTEMPTS', 'AGE', 'LAST ERROR'],
      row('invoice'),
      row('mail'),
    ]);
    // What was thrown is cut, and cannot reach the terminal's settings.
    expect(all.stdout).not.toContain('\u001B');
    expect(cells(all)[1]?.[6]).toHaveLength(100);
    expect(all.stdout).not.toContain('canary');
    expect(cells(await command('list', '--listener', 'mail')).map(([, listener]) => listener)).toEqual([
      'LISTENER',
      'mail',
    ]);
    expect((await command('list', '--state', 'published')).stdout).toBe('There are no such publications.\n');
    expect(await command('list', '--limit', '1')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('There are more') as string,
    });

    made.isMended = true;
    const left = async (): Promise<string[]> =>
      (await made.events.incomplete()).publications.map(({ listener }) => listener);
    const [, [number = ''] = []] = cells(all);
    expect(await command('resubmit', number)).toMatchObject({ code: 0, stdout: '1 publication runs again.\n' });
    await until('it is completed', async () => (await left()).length === 1);
    expect(await left()).toEqual(['mail']);
    expect((await command('resubmit', '--listener', 'invoice')).stdout).toBe(
      'There are no such publications that could run again.\n',
    );
    expect(await left()).toEqual(['mail']);
    expect((await command('resubmit', '--all')).stdout).toBe('1 publication runs again.\n');
    await until('all are completed', async () => (await left()).length === 0);
  });

  it.each([
    [[], 'needs list|resubmit'],
    [['go'], 'takes list or resubmit'],
    [['list', '17'], 'takes nothing but options'],
    [['list', '--all'], 'takes no --all'],
    [['resubmit'], 'needs NUMBER..., --listener <id> or --all'],
    [['resubmit', '17', '--all'], 'needs NUMBER..., --listener <id> or --all'],
    [['resubmit', '--all', '--listener', 'mail'], 'needs NUMBER..., --listener <id> or --all'],
    [['resubmit', '--all', '--state', 'failed'], 'takes no --state'],
    [['resubmit', '17', '--limit', '5'], 'takes no --limit'],
    [['list', '--limit', '0'], '--limit takes a whole number from 1 to 1000'],
    [['list', '--url', 'redis://u:canary@db'], 'A URL does not begin with'],
  ])('refuses %j', async (args, message) => {
    const request = readArgumentsOf(args);
    const error = await rejection(request);
    expect(error).toBeInstanceOf(UsageError);
    expect(String(error)).toContain(message);
    expect(String(error)).not.toContain('canary');
  });

  it('needs numbers that are numbers, and a state that there is', { timeout: limit }, async () => {
    await failing();
    const named = await command('resubmit', '7', 'x');
    expect([named.code, named.stdout, named.stderr]).toEqual([
      2,
      '',
      expect.stringContaining('"x" in place of a number'),
    ]);
    const odd = await command('list', '--state', 'completed');
    expect([odd.code, odd.stderr]).toEqual([2, expect.stringContaining('published')]);
    expect(await sluice(['events', 'list'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('needs --url <URL>') as string,
    });
  });
});

/** Runs the command here. */
async function readArgumentsOf(args: readonly string[]): Promise<unknown> {
  const request = readArguments(['events', ...args], commands);
  return request.type === 'run' ? await request.command.run(request.given) : undefined;
}
