// The page of events has all channels with all fields of their messages, and nothing else.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { channelNames, traceNames } from '../../src/index.ts';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const page = read('docs/events.md');
const code = read('src/channels/moments.ts') + read('src/channels/traces.ts');
const rows = [
  ...page.matchAll(/^\| `(?<channel>sluice:[a-z:.]+)` \| `(?<name>\w+)` \| `(?<type>\w+)`(?<fields>[^|]*)\|/gm),
];

/** The fields that a type of messages declares, without what all that takes time have. */
function declared(type: string): readonly string[] {
  const found = new RegExp(`^export (?:interface|class) ${type}(?: extends (\\w+))? \\{\n([\\s\\S]*?)^\\}`, 'm').exec(
    code,
  );
  const [, parent, body = ''] = found ?? [];
  const own = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??(?::| =)/gm)].map(([, field = '']) => field);
  return [...(parent === undefined || parent === 'TraceEvent' ? [] : declared(parent)), ...own];
}

/** Those that a row of the page tells, after the name of the type. */
function told(fields: string): readonly string[] {
  const named = [...fields.replaceAll(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g)].map(([, field = '']) => field);
  const isAsBefore = /: the same|fields of `TransactionEvent`/.test(fields);
  const own = named.filter((field) => field !== 'TransactionEvent');
  return isAsBefore ? [...declared('TransactionEvent'), ...own] : own;
}

it('the tables of channels are those of the code', () => {
  expect(rows.map(({ groups }) => [groups?.['name'], groups?.['channel']])).toEqual([
    ...Object.entries(channelNames),
    ...Object.entries(traceNames),
  ]);
});

it.each(rows.map(({ groups }) => [groups?.['channel'], groups?.['type'] ?? '', groups?.['fields'] ?? '']))(
  '%s is told with the fields of %s',
  (channel, type, fields) => {
    // Said of the channel before it.
    if (channel === channelNames.connectionClose) expect(fields.trim()).toBe('');
    else expect(told(fields).toSorted()).toEqual(declared(type).toSorted());
  },
);
