import { parentPort } from 'node:worker_threads';
import { performTask, type TensorTask } from './tensor-task';

if (!parentPort) throw new Error('tensor-thread.cjs runs as a worker thread only');
const port = parentPort;
port.on('message', (task: TensorTask) => port.postMessage(performTask(task)));
