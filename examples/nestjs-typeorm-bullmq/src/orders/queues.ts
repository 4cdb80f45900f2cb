import { defineQueue } from 'sluice/queue';

/** Takes the money for an order. The web process pushes, the worker handles. */
export const payment = defineQueue<{ orderId: number }, number>('payment', { attempts: 5, concurrency: 4 });
