// BullMQ: one worker, ten jobs at a time. `bullmq.cjs feed JOBS` fills its queue; `bullmq.cjs work` is its worker.
const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const { Queue, Worker } = createRequire(path.join(__dirname, "../../.bench/bullmq/"))("bullmq");
const QUEUE = "bench";
const connection = { url: process.env.REDIS_URL, maxRetriesPerRequest: null };

async function feed(jobs) {
  const queue = new Queue(QUEUE, { connection });
  const all = Array.from({ length: jobs }, (_, number) => ({ name: "append", data: number }));
  await queue.addBulk(all);
  await queue.close();
}

function work() {
  const file = fs.openSync(process.env.BENCH_FILE, "a");
  const started = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  const append = async ({ data }) => {
    const record = Buffer.alloc(16);
    record.writeBigInt64LE(BigInt(data), 0);
    record.writeBigInt64LE(started + process.hrtime.bigint(), 8);
    fs.writeSync(file, record);
  };
  const worker = new Worker(QUEUE, append, { connection, concurrency: 10 });
  process.on("SIGTERM", () => worker.close().then(() => process.exit(0)));
}

if (process.argv[2] === "feed") feed(Number(process.argv[3]));
else work();
