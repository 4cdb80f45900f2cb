import { defineQueue } from 'sluice/queue';

export const payment = defineQueue<{ orderId: number }, void>('payment', { attempts: 5 });
