// The page of events has all channels, and nothing else.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { channelNames, traceNames } from '../../src/index.ts';

it('the tables of channels are those of the code', () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/events.md', import.meta.url)), 'utf8');
  const rows = [...page.matchAll(/^\| `(sluice:[a-z:.]+)` \| `(\w+)` \|/gm)].map(([, channel, name]) => [
    name,
    channel,
  ]);
  expect(rows).toEqual([...Object.entries(channelNames), ...Object.entries(traceNames)]);
});
