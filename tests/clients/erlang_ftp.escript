#!/usr/bin/env escript
%% Performs steps (lines of words between tabs on standard input) with Erlang's ftp application.
main(_) ->
    ok = io:setopts([{encoding, unicode}]),
    {ok, _} = application:ensure_all_started(ssl),
    {ok, _} = application:ensure_all_started(ftp),
    [Host, Port, Security, Mode, Authority, User, Password] = words(io:get_line("")),
    Family = case lists:member($:, Host) of true -> inet6; false -> inet end,
    Options = [{port, list_to_integer(Port)}, {mode, list_to_atom(Mode)}, {ipfamily, Family}, {timeout, 15000},
               {dtimeout, 15000}, {tls_sec_method, list_to_atom(Security)},  
               {tls, [{verify, verify_peer}, {cacertfile, Authority}, {server_name_indication, "localhost"}]}],
    {ok, Ftp} = ftp:open(Host, Options),
    ok = ftp:user(Ftp, User, Password),
    ok = ftp:type(Ftp, binary),
    each(Ftp),
    ok = ftp:close(Ftp).

words(Line) -> string:split(string:trim(Line, trailing, "\n"), "\t", all).

each(Ftp) ->
    case io:get_line("") of
        eof -> ok;
        Line -> {Line, ok} = {Line, perform(Ftp, words(Line))}, each(Ftp)
    end.

bytes(Text) -> binary_to_list(unicode:characters_to_binary(Text)).

perform(Ftp, [Verb, Remote, Other, Local]) ->
    step(Verb, Ftp, bytes(Remote), bytes(Other), Local).

step("list", Ftp, Remote, _, Local) ->
    {ok, Text} = ftp:nlist(Ftp, Remote),
    Names = [filename:basename(Name) || Name <- string:tokens(Text, "\r\n")],
    file:write_file(Local, [[Name, "\n"] || Name <- Names]);
step("get", Ftp, Remote, _, Local) -> ftp:recv(Ftp, Remote, Local);
step("put", Ftp, Remote, _, Local) -> ftp:send(Ftp, Local, Remote);
step("rename", Ftp, Remote, Other, _) -> ftp:rename(Ftp, Remote, Other);
step("delete", Ftp, Remote, _, _) -> ftp:delete(Ftp, Remote);
step("mkdir", Ftp, Remote, _, _) -> ftp:mkdir(Ftp, Remote);
step("rmdir", Ftp, Remote, _, _) -> ftp:rmdir(Ftp, Remote).
