// Performs steps (JSON on standard input) with the npm package basic-ftp.
"use strict";
const fs = require("fs");
const { Client } = require("basic-ftp");

async function perform({ link, steps }) {
  const client = new Client(15000);
  try {
    await client.access({
      host: link.host, port: link.port, user: link.user, password: link.password,
      secure: link.implicit ? "implicit" : true,
      secureOptions: { ca: fs.readFileSync(link.authority), servername: "localhost" },
    });
    for (const { verb, remote, other, local } of steps) {
      if (verb === "list") {
        const names = (await client.list(remote)).map((entry) => `${entry.name}\n`);
        fs.writeFileSync(local, names.join(""));
      } else if (verb === "get") await client.downloadTo(local, remote);
      else if (verb === "resume-get") await client.downloadTo(local, remote, fs.statSync(local).size);
      else if (verb === "put") await client.uploadFrom(local, remote);
      else if (verb === "resume-put") {
        await client.appendFrom(local, remote, { localStart: await client.size(remote) });
      } else if (verb === "rename") await client.rename(remote, other);
      else if (verb === "delete") await client.remove(remote);
      else if (verb === "mkdir") await client.send(`MKD ${remote}`);
      else if (verb === "rmdir") await client.send(`RMD ${remote}`);
      else throw new Error(`unknown verb ${verb}`);
    }
  } finally {
    client.close();
  }
}

perform(JSON.parse(fs.readFileSync(0, "utf8"))).catch((error) => {
  console.error(String(error.stack || error));
  process.exit(1);
});
