# Performs steps (JSON on standard input) with Net::FTP over TLS.
use strict;
use warnings;
use JSON::PP;
use Net::FTP;

my $job = decode_json(do { local $/; <STDIN> });
my $link = $job->{link};
my $ftp = Net::FTP->new(
    $link->{host}, Port => $link->{port}, Passive => !$link->{active}, Timeout => 15,
    SSL => $link->{implicit} ? 1 : 0, SSL_ca_file => $link->{authority}, SSL_verifycn_name => 'localhost',
) or die "connect: $@\n";
sub check { my ($good, $what) = @_; die "$what: " . $ftp->code . " " . $ftp->message unless $good; return $good }
check($ftp->starttls, 'starttls') unless $link->{implicit};
check($ftp->login($link->{user}, $link->{password}), 'login');
check($ftp->prot('P'), 'prot');
check($ftp->binary || 1, 'binary');

sub bytes { my $text = shift; utf8::encode($text); return $text }

for my $step (@{ $job->{steps} }) {
    my ($verb, $remote, $other, $local) = map { bytes($step->{$_}) } qw(verb remote other local);
    if ($verb eq 'list') {
        my $names = $ftp->ls($remote);
        check($ftp->ok, 'ls');
        open my $out, '>', $local or die "$local: $!\n";
        print {$out} map { s{.*/}{}r . "\n" } @{ $names // [] };
        close $out or die "$local: $!\n";
    }
    elsif ($verb eq 'get')        { check($ftp->get($remote, $local), 'get') }
    elsif ($verb eq 'resume-get') { check($ftp->get($remote, $local, -s $local), 'resume-get') }
    elsif ($verb eq 'put')        { check($ftp->put($local, $remote), 'put') }
    elsif ($verb eq 'resume-put') {
        my $done = $ftp->size($remote);
        open my $in, '<:raw', $local or die "$local: $!\n";
        seek $in, $done, 0;
        $ftp->restart($done);
        my $data = check($ftp->stor($remote), 'stor');
        while (read $in, my $block, 65536) { $data->write($block, length $block) or die "write: $!\n" }
        check($data->close, 'resume-put');
    }
    elsif ($verb eq 'rename') { check($ftp->rename($remote, $other), 'rename') }
    elsif ($verb eq 'delete') { check($ftp->delete($remote), 'delete') }
    elsif ($verb eq 'mkdir')  { check($ftp->mkdir($remote), 'mkdir') }
    elsif ($verb eq 'rmdir')  { check($ftp->rmdir($remote), 'rmdir') }
    else                      { die "unknown verb $verb\n" }
}
check($ftp->quit, 'quit');
