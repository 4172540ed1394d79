using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Connections;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;

namespace Chat.Cells.Cell.Http;

/// <summary>Channels, their members and their history. Changes go to the judge; what isn't the caller's looks as if it weren't there.</summary>
public static class ChannelEndpoints
{
    private const int MaxNameLength = 200;
    private const int DefaultPage = 50;
    private const int MaxPage = 200;

    public static void MapChannels(this IEndpointRouteBuilder app)
    {
        var channels = app.MapGroup("/v1/channels").RequireUser();

        channels.MapPost("", CreateAsync).WithName("CreateChannel").WithSummary("Create a direct or group channel; idempotent by requestId")
            .Produces<ChannelDocument>(201).Produces<AcceptedDocument>(202).ProducesProblems(400, 401, 403, 409, 421, 503);
        channels.MapGet("", ListAsync).WithName("ListChannels").WithSummary("The caller's channels").Produces<ChannelsDocument>().ProducesProblems(400, 401, 421);
        channels.MapGet("/{channelId}", GetAsync).WithName("GetChannel").WithSummary("A channel with its members").Produces<ChannelDocument>().ProducesProblems(401, 403, 421);
        channels.MapPatch("/{channelId}", (string channelId, RenameChannelRequest body, Commands commands, Caller caller, CancellationToken cancellationToken) =>
                string.IsNullOrWhiteSpace(body.Name) || body.Name.Length > MaxNameLength
                    ? Task.FromResult(Problems.BadRequest($"name: 1 to {MaxNameLength} characters."))
                    : commands.ChangeAsync(caller, channelId, body.RequestId, ChannelCommand.Rename, body.Name, [], MemberRole.Member, cancellationToken))
            .WithName("RenameChannel").WithSummary("Rename a group").Produces<ChannelDocument>().Produces<AcceptedDocument>(202).ProducesProblems(400, 401, 403, 421, 503);
        channels.MapPut("/{channelId}/members/{userId}", PutMemberAsync).WithName("PutMember").WithSummary("Add a member, or change a member's role")
            .Produces<ChannelDocument>().Produces<AcceptedDocument>(202).ProducesProblems(400, 401, 403, 404, 409, 421, 503);
        channels.MapDelete("/{channelId}/members/{userId}", (string channelId, string userId, string requestId, Commands commands, Caller caller, CancellationToken cancellationToken) =>
                commands.ChangeAsync(caller, channelId, requestId, ChannelCommand.RemoveMembers, null, [userId], MemberRole.Member, cancellationToken))
            .WithName("RemoveMember").WithSummary("Remove a member; with the own id: leave").Produces<ChannelDocument>().Produces<AcceptedDocument>(202).ProducesProblems(400, 401, 403, 421, 503);
        channels.MapGet("/{channelId}/messages", HistoryAsync).WithName("GetHistory").WithSummary("Messages, newest first").Produces<HistoryDocument>().ProducesProblems(400, 401, 403, 421);
        channels.MapGet("/{channelId}/receipts", ReceiptsAsync).WithName("GetReceipts").WithSummary("How far each member has received and read").Produces<ReceiptsDocument>().ProducesProblems(401, 403, 421);
    }

    private static Task<IResult> CreateAsync(CreateChannelRequest body, Commands commands, CellIdentity identity, CurrentCellMap map, Caller caller, CancellationToken cancellationToken)
    {
        switch (body.Type)
        {
            case "direct":
                if (body.UserId is null || !UserId.IsValid(body.UserId) || body.UserId == caller.UserId || map.Current?.HomeOf(body.UserId) is null) return Task.FromResult(Problems.BadRequest("userId: another user's id."));
                return commands.CreateAsync(caller, ChannelId.ForDirect(caller.UserId, body.UserId), body.RequestId, ChannelType.Direct, null, [body.UserId], cancellationToken);
            case "group":
                var others = (body.UserIds ?? []).Where(u => u != caller.UserId).Distinct(StringComparer.Ordinal).ToArray();
                if (string.IsNullOrWhiteSpace(body.Name) || body.Name.Length > MaxNameLength) return Task.FromResult(Problems.BadRequest($"name: 1 to {MaxNameLength} characters."));
                if (others.Length >= ProtocolLimits.MaxChannelMembers)
                    return Task.FromResult(Problems.Result(StatusCodes.Status409Conflict, ErrorCodes.ChannelFull, $"A channel has at most {ProtocolLimits.MaxChannelMembers} members."));
                if (others.Any(u => !UserId.IsValid(u) || map.Current?.HomeOf(u) is null)) return Task.FromResult(Problems.BadRequest("userIds: one is not a user's id."));
                if (!ClientFrames.IsRequestId(body.RequestId)) return Task.FromResult(BadRequestId());
                return commands.CreateAsync(caller, ChannelId.ForGroup(identity.Cell, caller.UserId, body.RequestId), body.RequestId, ChannelType.Group, body.Name, others, cancellationToken);
            default:
                return Task.FromResult(Problems.BadRequest("type: direct or group."));
        }
    }

    private static async Task<IResult> ListAsync(string? after, int? limit, IMessageStore store, Caller caller, CancellationToken cancellationToken)
    {
        var page = Page(limit);
        if (page is null || after?.Length > 80) return Problems.BadRequest($"limit: 1 to {MaxPage}.");
        var ids = await store.ListChannelsAsync(caller.UserId, after, page.Value, cancellationToken);
        var found = new List<ChannelDocument>(ids.Count);
        foreach (var id in ids)
        {
            if (await store.FindChannelAsync(id, cancellationToken) is { } channel && IsMember(channel, caller.UserId)) found.Add(Document(channel));
        }
        return TypedResults.Ok(new ChannelsDocument(found, ids.Count == page ? ids[^1] : null));
    }

    private static async Task<IResult> GetAsync(string channelId, IMessageStore store, Caller caller, CancellationToken cancellationToken) =>
        await FindOwnAsync(store, channelId, caller, cancellationToken) is { } channel ? TypedResults.Ok(Document(channel)) : Problems.NotMember();

    private static async Task<IResult> PutMemberAsync(
        string channelId, string userId, PutMemberRequest body, Commands commands, IMessageStore store, CurrentCellMap map, Caller caller, CancellationToken cancellationToken)
    {
        MemberRole? role = body.Role switch
        {
            "owner" => MemberRole.Owner,
            "admin" => MemberRole.Admin,
            "member" => MemberRole.Member,
            _ => null,
        };
        if (role is null) return Problems.BadRequest("role: owner, admin or member.");
        if (!UserId.IsValid(userId) || map.Current?.HomeOf(userId) is null) return Problems.BadRequest("userId: a user's id.");
        if (await FindOwnAsync(store, channelId, caller, cancellationToken) is not { } channel) return Problems.NotMember();
        // A retry finds its own effect: there is nothing to change.
        if (channel.Members.Any(m => m.UserId == userId && m.Until is null && m.Role == role)) return TypedResults.Ok(Document(channel));
        var command = IsMember(channel, userId) ? ChannelCommand.SetRole : ChannelCommand.AddMembers;
        return await commands.ChangeAsync(caller, channelId, body.RequestId, command, null, [userId], role.Value, cancellationToken);
    }

    private static async Task<IResult> HistoryAsync(string channelId, string? before, int? limit, IMessageStore store, Caller caller, CancellationToken cancellationToken)
    {
        Ulid? from = null;
        if (before is not null)
        {
            if (!Ulid.TryParse(before, out var parsed)) return Problems.BadRequest("before: a message id.");
            from = parsed;
        }
        if (Page(limit) is not { } page) return Problems.BadRequest($"limit: 1 to {MaxPage}.");
        if (await FindOwnAsync(store, channelId, caller, cancellationToken) is null) return Problems.NotMember();
        var rows = await store.ReadHistoryAsync(channelId, from, page, cancellationToken);
        var messages = rows.Select(Document).ToArray();
        return TypedResults.Ok(new HistoryDocument(messages, rows.Count == page ? messages[^1].MessageId : null));
    }

    private static MessageDocument Document(MessageRow message)
    {
        var change = message.Change;
        var (type, content) = change is null ? (message.ContentType, message.Content) : (change.ContentType, change.Content);
        var isDeleted = change is { IsDeletion: true };
        return new MessageDocument(
            message.MessageId.ToString(),
            message.SenderId,
            isDeleted ? null : type,
            isDeleted ? null : Encoding.UTF8.GetString(content.Span),
            message.ReplyTo?.ToString(),
            message.ChannelVersion,
            change?.EventId.ToString(),
            change is { IsDeletion: false } ? true : null,
            isDeleted ? true : null);
    }

    private static async Task<IResult> ReceiptsAsync(string channelId, IMessageStore store, Caller caller, CancellationToken cancellationToken)
    {
        if (await FindOwnAsync(store, channelId, caller, cancellationToken) is null) return Problems.NotMember();
        var rows = await store.ReadReceiptsAsync(channelId, cancellationToken);
        return TypedResults.Ok(new ReceiptsDocument([.. rows.Select(r => new ReceiptDocument(r.UserId, r.DeliveredUpTo?.ToString(), r.ReadUpTo?.ToString()))]));
    }

    internal static IResult BadRequestId() => Problems.BadRequest("requestId: 1 to 64 printable ASCII characters without spaces.");

    internal static bool IsMember(ChannelRow channel, string userId) => channel.Members.Any(m => m.UserId == userId && m.Until is null);

    internal static ChannelDocument Document(ChannelRow channel) => new(
        channel.ChannelId,
        channel.Type == ChannelType.Direct ? "direct" : "group",
        channel.Name,
        channel.Home,
        channel.Version,
        [.. channel.Members.Where(m => m.Until is null).Select(m => new MemberDocument(m.UserId, EventPayload.RoleName(m.Role)))]);

    private static async Task<ChannelRow?> FindOwnAsync(IMessageStore store, string channelId, Caller caller, CancellationToken cancellationToken) =>
        ChannelId.TryGetType(channelId, out _) && await store.FindChannelAsync(channelId, cancellationToken) is { } channel && IsMember(channel, caller.UserId) ? channel : null;

    private static int? Page(int? limit) => limit is null ? DefaultPage : limit is >= 1 and <= MaxPage ? limit : null;
}

/// <summary>Commands of HTTP callers and what is answered to them.</summary>
internal sealed class Commands(CellIdentity identity, CommandClient client, IMessageStore store)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    public Task<IResult> CreateAsync(Caller caller, string channelId, string requestId, ChannelType type, string? name, IReadOnlyList<string> others, CancellationToken cancellationToken) =>
        AskAsync(caller, channelId, requestId, ChannelCommand.Create, type, name, others, MemberRole.Member, cancellationToken);

    public Task<IResult> ChangeAsync(
        Caller caller, string channelId, string requestId, ChannelCommand command, string? name, IReadOnlyList<string> userIds, MemberRole role, CancellationToken cancellationToken) =>
        ChannelId.TryGetType(channelId, out var type)
            ? AskAsync(caller, channelId, requestId, command, type, name, userIds, role, cancellationToken)
            : Task.FromResult(Problems.NotMember());

    private async Task<IResult> AskAsync(
        Caller caller, string channelId, string requestId, ChannelCommand command, ChannelType type, string? name, IReadOnlyList<string> userIds, MemberRole role,
        CancellationToken cancellationToken)
    {
        if (!ClientFrames.IsRequestId(requestId)) return ChannelEndpoints.BadRequestId();
        var record = new CommandRecord(channelId, client.Origin(caller.UserId, caller.DeviceId, requestId), command, type, name, userIds, role, null);
        var verdict = await client.AskAsync(record, cancellationToken);
        if (verdict is null) return Problems.Result(StatusCodes.Status503ServiceUnavailable, ErrorCodes.Retry, "Not decided in time; ask again with the same requestId.", retryAfter: RetryAfter);
        if (verdict.ErrorCode is { } code)
        {
            TimeSpan? wait = verdict.RetryAfter > 0 ? TimeSpan.FromMilliseconds(verdict.RetryAfter) : null;
            return Problems.Result(Problems.StatusOf(code), code, SendHandler.MessageOf(code), retryAfter: wait);
        }
        if (type == ChannelType.Group && ChannelId.HomeOfGroup(channelId) is var home && home != identity.Cell)
            return TypedResults.Accepted((string?)null, new AcceptedDocument(channelId, home, "accepted"));
        if (await store.FindChannelAsync(channelId, cancellationToken) is not { } channel)
            return Problems.Result(StatusCodes.Status503ServiceUnavailable, ErrorCodes.Retry, "The channel can't be read yet.", retryAfter: RetryAfter);
        if (!ChannelEndpoints.IsMember(channel, caller.UserId)) return TypedResults.NoContent(); // the caller left
        return command == ChannelCommand.Create
            ? TypedResults.Created($"/v1/channels/{channelId}", ChannelEndpoints.Document(channel))
            : TypedResults.Ok(ChannelEndpoints.Document(channel));
    }
}
