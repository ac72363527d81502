<?php
// Performs steps (JSON on standard input) with PHP's ftp_ssl_connect(). It verifies no certificate.
error_reporting(E_ALL);
set_error_handler(function (int $level, string $text): bool {
    throw new ErrorException($text);
});

function good(mixed $value, string $what): mixed
{
    if ($value === false || $value === -1) {
        throw new ErrorException("$what failed");
    }
    return $value;
}

$job = json_decode(stream_get_contents(STDIN), true, 16, JSON_THROW_ON_ERROR);
$link = $job['link'];
$ftp = good(ftp_ssl_connect($link['host'], $link['port'], 15), 'ftp_ssl_connect');
good(ftp_login($ftp, $link['user'], $link['password']), 'ftp_login');
good(ftp_pasv($ftp, !$link['active']), 'ftp_pasv');
foreach ($job['steps'] as ['verb' => $verb, 'remote' => $remote, 'other' => $other, 'local' => $local]) {
    switch ($verb) {
        case 'list':
            $names = array_map(fn (array $entry): string => $entry['name'] . "\n", good(ftp_mlsd($ftp, $remote), $verb));
            file_put_contents($local, array_filter($names, fn (string $name): bool => !in_array($name, [".\n", "..\n"])));
            break;
        case 'get': good(ftp_get($ftp, $local, $remote, FTP_BINARY), $verb); break;
        case 'resume-get': good(ftp_get($ftp, $local, $remote, FTP_BINARY, FTP_AUTORESUME), $verb); break;
        case 'put': good(ftp_put($ftp, $remote, $local, FTP_BINARY), $verb); break;
        case 'resume-put': good(ftp_put($ftp, $remote, $local, FTP_BINARY, FTP_AUTORESUME), $verb); break;
        case 'rename': good(ftp_rename($ftp, $remote, $other), $verb); break;
        case 'delete': good(ftp_delete($ftp, $remote), $verb); break;
        case 'mkdir': good(ftp_mkdir($ftp, $remote), $verb); break;
        case 'rmdir': good(ftp_rmdir($ftp, $remote), $verb); break;
        default: throw new ErrorException("unknown verb $verb");
    }
}
good(ftp_close($ftp), 'ftp_close');
