// Performs steps (JSON on standard input) with the npm package promise-ftp.
"use strict";
const fs = require("fs");
const { pipeline } = require("stream/promises");
const Client = require("promise-ftp");

async function perform({ link, steps }) {
  const client = new Client();
  await client.connect({
    host: link.host, port: link.port, user: link.user, password: link.password, connTimeout: 15000, pasvTimeout: 15000,
    secure: true, secureOptions: { ca: fs.readFileSync(link.authority), servername: "localhost" },
  });
  for (const { verb, remote, other, local } of steps) {
    if (verb === "list") {
      const names = (await client.list(remote)).map((entry) => `${entry.name}\n`);
      fs.writeFileSync(local, names.join(""));
    } else if (verb === "get") await pipeline(await client.get(remote), fs.createWriteStream(local));
    else if (verb === "resume-get") {
      await client.restart(fs.statSync(local).size);
      await pipeline(await client.get(remote), fs.createWriteStream(local, { flags: "a" }));
    } else if (verb === "put") await client.put(fs.readFileSync(local), remote);
    else if (verb === "resume-put") {
      await client.append(fs.readFileSync(local).subarray(await client.size(remote)), remote);
    } else if (verb === "rename") await client.rename(remote, other);
    else if (verb === "delete") await client.delete(remote);
    else if (verb === "mkdir") await client.mkdir(remote);
    else if (verb === "rmdir") await client.rmdir(remote);
    else throw new Error(`unknown verb ${verb}`);
  }
  await client.end();
}

perform(JSON.parse(fs.readFileSync(0, "utf8"))).catch((error) => {
  console.error(String(error.stack || error));
  process.exit(1);
});
