# Performs steps (JSON on standard input) with Ruby's Net::FTP.
require "json"
require "net/ftp"

job = JSON.parse($stdin.read)
link = job["link"]
options = {
  port: link["port"], username: link["user"], password: link["password"], passive: !link["active"],
  open_timeout: 15, read_timeout: 15, ssl: { ca_file: link["authority"].to_s },
}
options[:implicit_ftps] = true if link["implicit"]

Net::FTP.open(link["host"], options) do |ftp|
  ftp.binary = true
  job["steps"].each do |step|
    remote, other, local = step.values_at("remote", "other", "local")
    case step["verb"]
    when "list"
      names = ftp.mlsd(remote).map(&:pathname).reject { |name| [".", ".."].include?(name) }
      File.write(local, names.map { |name| "#{name}\n" }.join)
    when "get" then ftp.getbinaryfile(remote, local)
    when "put" then ftp.putbinaryfile(local, remote)
    when "resume-get"
      ftp.resume = true
      ftp.getbinaryfile(remote, local)
      ftp.resume = false
    when "resume-put"
      ftp.resume = true
      ftp.putbinaryfile(local, remote)
      ftp.resume = false
    when "rename" then ftp.rename(remote, other)
    when "delete" then ftp.delete(remote)
    when "mkdir" then ftp.mkdir(remote)
    when "rmdir" then ftp.rmdir(remote)
    else raise "unknown verb #{step['verb']}"
    end
  end
  ftp.quit
end
