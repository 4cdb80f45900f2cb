// A queue engine that knows the packed package alone: jobs of this process, which lanes look for every few milliseconds.
import { describe, it } from 'node:test';
import { pauseBefore } from 'sluice/queue/engine';
import { queueEngineSuite, register } from 'sluice/testing/conformance';

const lookInterval = 5;

class ToyLane {
  #jobs;
  #hosts;
  #options;
  #running = new Set();
  #isPaused;
  #timer;

  constructor(jobs, hosts, options) {
    this.#jobs = jobs;
    this.#hosts = hosts;
    this.#options = options;
    this.#isPaused = options.paused;
    this.#timer = setInterval(() => this.#take(), lookInterval);
  }

  async pause() {
    this.#isPaused = true;
  }
  resume() {
    this.#isPaused = false;
  }
  async close() {
    clearInterval(this.#timer);
    await Promise.all(this.#running);
  }

  #take() {
    const { queue, level, concurrency } = this.#options;
    while (!this.#isPaused && this.#running.size < concurrency) {
      const [next] = [...this.#jobs.values()]
        .filter(({ job, status, readyAt }) => {
          return status === 'waiting' && job.queue === queue && job.level === level && readyAt <= Date.now();
        })
        .toSorted((one, other) => one.job.priority - other.job.priority);
      if (next === undefined) return;
      next.status = 'active';
      const running = this.#run(next).finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  }

  async #run(stored) {
    const { job } = stored;
    const settlement = await this.#options.run({
      id: job.id,
      envelope: structuredClone(job.envelope),
      attempt: stored.failures + 1,
      attempts: job.attempts,
      redelivered: false,
      claim: new AbortController().signal,
      progress: async (value) => {
        stored.progress = value;
        for (const { events } of this.#hosts) events.onProgress(job.id, value);
      },
    });
    if (settlement.type === 'retry') {
      stored.failures += 1;
      stored.readyAt = Date.now() + pauseBefore(job.backoff, stored.failures + 1);
    }
    if (settlement.type === 'retry' || settlement.type === 'released') {
      stored.status = 'waiting';
      return;
    }
    stored.status = settlement.outcome.type;
    stored.outcome = settlement.outcome;
    for (const { events } of this.#hosts) events.onSettled(job.id, settlement.outcome);
  }
}

function toyEngine() {
  const jobs = new Map();
  const hosts = new Set();
  const watchers = new Set();
  return (host) => ({
    name: 'toy',
    capabilities: { enqueue: 'hook', transactionalAck: false, redelivers: false },
    async start() {
      hosts.add(host);
    },
    now: () => performance.timeOrigin + performance.now(),
    async add(added) {
      for (const job of added) {
        if (jobs.has(job.id)) continue;
        jobs.set(job.id, { job, status: 'waiting', failures: 0, readyAt: Date.now() + job.delay });
        for (const watcher of watchers) if (watcher.queue === job.queue) watcher.onArrival(job.level);
      }
    },
    mayHaveAdded: () => false,
    announce() {},
    async listen() {},
    async look(asked) {
      const known = asked.filter(({ id }) => jobs.has(id));
      return new Map(
        known.map(({ id }) => {
          const { status, outcome, progress } = jobs.get(id);
          return [id, { status, outcome, progress }];
        }),
      );
    },
    async watchArrivals(queue, onArrival) {
      const watcher = { queue, onArrival };
      watchers.add(watcher);
      for (const { job } of jobs.values()) if (job.queue === queue) onArrival(job.level);
      return async () => void watchers.delete(watcher);
    },
    openLane: (options) => new ToyLane(jobs, hosts, options),
    async obliterate() {
      jobs.clear();
    },
    async close() {
      hosts.delete(host);
    },
  });
}

register(queueEngineSuite({ name: 'toy engine', make: () => ({ engine: toyEngine() }) }), { describe, it });
