import { parentPort } from 'node:worker_threads';
import { handleCalls } from './handle-calls';
import { serveCalls } from './serve-calls';
import { warmUp } from './warm-up';

if (!parentPort) throw new Error('worker.cjs runs as a worker thread only');
const port = parentPort;
port.on(
  'message',
  serveCalls(handleCalls(), (message) => port.postMessage(message)),
);
void warmUp();
