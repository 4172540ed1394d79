using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Tests.Messaging.Doubles;

/// <summary>Short ways to say what users do.</summary>
internal static class Say
{
    public const string Anna = "a.01HZZZZZZZZZZZZZZZZZZZZZA1";
    public const string Ben = "a.01HZZZZZZZZZZZZZZZZZZZZZA2";
    public const string Cleo = "a.01HZZZZZZZZZZZZZZZZZZZZZA3";
    public const string Dora = "a.01HZZZZZZZZZZZZZZZZZZZZZA4";
    public const string Xena = "b.01HZZZZZZZZZZZZZZZZZZZZZB1";
    public const string Yuri = "b.01HZZZZZZZZZZZZZZZZZZZZZB2";

    /// <summary>The group that Anna creates with the request "create".</summary>
    public static readonly string Group = ChannelId.ForGroup("a", Anna, "create");

    public static RequestOrigin Origin(string user, string request) => new("server-1", user, "device", request);

    public static SendRecord Send(
        string channel, string user, string request, string? content = null, Ulid? after = null, string? afterRequest = null, int version = 0) =>
        new(channel, Origin(user, request), "text", Encoding.UTF8.GetBytes(content ?? "content of " + request), null, after, afterRequest, version);

    public static ChangeRecord Edit(string channel, string user, string request, Ulid message, string? content = null, int version = 0) =>
        new(channel, Origin(user, request), message, false, "text", Encoding.UTF8.GetBytes(content ?? "edited by " + request), version);

    public static ChangeRecord Delete(string channel, string user, string request, Ulid message) => new(channel, Origin(user, request), message, true, "", default, 0);

    public static CommandRecord CreateGroup(params string[] others) =>
        new(Group, Origin(Anna, "create"), ChannelCommand.Create, ChannelType.Group, "Friends", others, MemberRole.Member, null);

    public static CommandRecord CreateDirect(string user, string other, string request = "direct") =>
        new(ChannelId.ForDirect(user, other), Origin(user, request), ChannelCommand.Create, ChannelType.Direct, null, [other], MemberRole.Member, null);

    public static CommandRecord Command(string channel, string user, string request, ChannelCommand command, MemberRole role, params string[] users) =>
        new(channel, Origin(user, request), command, ChannelType.Group, null, users, role, null);

    public static CommandRecord Rename(string channel, string user, string request, string name) =>
        new(channel, Origin(user, request), ChannelCommand.Rename, ChannelType.Group, name, [], MemberRole.Member, null);
}
