using System.Net;
using System.Text.Json.Serialization.Metadata;
using Chat.Cells.Client.Timelines;
using Chat.Cells.Client.Unread;

namespace Chat.Cells.Client.Accounts;

/// <summary>The HTTP side of a session: profiles, channels, members, history, receipts.</summary>
public sealed class ChatApi
{
    private readonly HttpTransport transport;
    private readonly SessionKeeper keeper;

    internal ChatApi(HttpTransport transport, SessionKeeper keeper)
    {
        this.transport = transport;
        this.keeper = keeper;
    }

    /// <exception cref="ChatApiException"><c>not_found</c>.</exception>
    public async Task<Profile> FindHandleAsync(string handle, CancellationToken cancellationToken) =>
        Required(await GetAsync($"/v1/handles/{Uri.EscapeDataString(handle)}", HttpJson.Default.Profile, cancellationToken));

    public async Task<Profile> GetUserAsync(string userId, CancellationToken cancellationToken) =>
        Required(await GetAsync($"/v1/users/{Uri.EscapeDataString(userId)}", HttpJson.Default.Profile, cancellationToken));

    /// <summary>The direct channel with another user; creating it twice is creating it once. Waits until this cell knows it.</summary>
    public Task<ChatChannel> CreateDirectAsync(string userId, CancellationToken cancellationToken) =>
        CreateAsync(new CreateChannelRequest("direct", Ulid.NewUlid().ToString(), userId, null, null), cancellationToken);

    /// <summary>A new group with its creator as owner. Waits until this cell knows it.</summary>
    public Task<ChatChannel> CreateGroupAsync(string name, IReadOnlyList<string> userIds, CancellationToken cancellationToken) =>
        CreateAsync(new CreateChannelRequest("group", Ulid.NewUlid().ToString(), null, name, userIds), cancellationToken);

    public async Task<ChatChannel> GetChannelAsync(string channelId, CancellationToken cancellationToken) =>
        ToChannel(Required(await GetAsync(ChannelPath(channelId), HttpJson.Default.ChannelDto, cancellationToken)));

    /// <summary>All channels that the user is a member of.</summary>
    public async IAsyncEnumerable<ChatChannel> ListChannelsAsync([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? after = null;
        do
        {
            var query = after is null ? "/v1/channels?limit=100" : $"/v1/channels?limit=100&after={Uri.EscapeDataString(after)}";
            var page = Required(await GetAsync(query, HttpJson.Default.ChannelPage, cancellationToken));
            foreach (var channel in page.Channels ?? []) yield return ToChannel(channel);
            after = page.Next;
        }
        while (after is not null);
    }

    /// <summary>Adds a member, or sets a role. False: the channel's home is elsewhere, the change comes later.</summary>
    public async Task<bool> PutMemberAsync(string channelId, string userId, string role, CancellationToken cancellationToken)
    {
        var body = new PutMemberRequest(role, Ulid.NewUlid().ToString());
        var path = $"{ChannelPath(channelId)}/members/{Uri.EscapeDataString(userId)}";
        var (status, _) = await SendAsync<PutMemberRequest, ChannelDto>(HttpMethod.Put, path, body, HttpJson.Default.PutMemberRequest, null, cancellationToken);
        return status != HttpStatusCode.Accepted;
    }

    /// <summary>Removes a member; one's own id: leaves. False: the change comes later.</summary>
    public async Task<bool> RemoveMemberAsync(string channelId, string userId, CancellationToken cancellationToken)
    {
        var path = $"{ChannelPath(channelId)}/members/{Uri.EscapeDataString(userId)}?requestId={Ulid.NewUlid()}";
        var (status, _) = await SendAsync<Problem, ChannelDto>(HttpMethod.Delete, path, null, null, null, cancellationToken);
        return status != HttpStatusCode.Accepted;
    }

    /// <summary>Renames a group. False: the change comes later.</summary>
    public async Task<bool> RenameAsync(string channelId, string name, CancellationToken cancellationToken)
    {
        var body = new RenameRequest(name, Ulid.NewUlid().ToString());
        var (status, _) = await SendAsync<RenameRequest, ChannelDto>(HttpMethod.Patch, ChannelPath(channelId), body, HttpJson.Default.RenameRequest, null, cancellationToken);
        return status != HttpStatusCode.Accepted;
    }

    /// <summary>One page of a channel's messages, newest first, below <paramref name="before"/>; <c>Next</c> is the next page's <paramref name="before"/>.</summary>
    public async Task<(IReadOnlyList<ChatMessage> Messages, string? Next)> GetHistoryPageAsync(string channelId, string? before, int limit, CancellationToken cancellationToken)
    {
        var query = $"{ChannelPath(channelId)}/messages?limit={limit}" + (before is null ? "" : $"&before={Uri.EscapeDataString(before)}");
        var page = Required(await GetAsync(query, HttpJson.Default.MessagePage, cancellationToken));
        var messages = (page.Messages ?? [])
            .Select(m => new ChatMessage(
                channelId, m.MessageId, m.Sender, m.ContentType ?? "text", m.Content ?? "", m.ReplyTo, m.ChannelVersion, null, m.EventId, m.Edited, m.Deleted))
            .ToArray();
        return (messages, page.Next);
    }

    /// <summary>A channel's messages, newest first, as many as the caller takes.</summary>
    public async IAsyncEnumerable<ChatMessage> ReadHistoryAsync(string channelId, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? before = null;
        do
        {
            var (messages, next) = await GetHistoryPageAsync(channelId, before, 100, cancellationToken);
            foreach (var message in messages) yield return message;
            before = next;
        }
        while (before is not null);
    }

    /// <summary>How far each member has received and read.</summary>
    public async Task<IReadOnlyList<(string UserId, string? DeliveredUpTo, string? ReadUpTo)>> GetReceiptsAsync(string channelId, CancellationToken cancellationToken)
    {
        var list = Required(await GetAsync($"{ChannelPath(channelId)}/receipts", HttpJson.Default.ReceiptList, cancellationToken));
        return (list.Receipts ?? []).Select(r => (r.UserId, r.DeliveredUpTo, r.ReadUpTo)).ToArray();
    }

    /// <summary>The channels with messages of others that the user has not read; a running <see cref="ChatClient"/> is told without asking.</summary>
    public async Task<IReadOnlyList<UnreadCount>> GetUnreadAsync(CancellationToken cancellationToken)
    {
        var list = Required(await GetAsync("/v1/unread", HttpJson.Default.UnreadList, cancellationToken));
        return (list.Channels ?? []).Select(c => new UnreadCount(c.ChannelId ?? "", c.Count, c.Capped)).ToArray();
    }

    /// <summary>Ends this device's session at the server.</summary>
    public async Task LogOutAsync(CancellationToken cancellationToken) =>
        await SendAsync<Problem, Problem>(HttpMethod.Delete, "/v1/sessions/current", null, null, null, cancellationToken);

    private static string ChannelPath(string channelId) => $"/v1/channels/{Uri.EscapeDataString(channelId)}";

    private static T Required<T>(T? body)
        where T : class => body ?? throw new System.Text.Json.JsonException("The server answered with an empty body.");

    private static ChatChannel ToChannel(ChannelDto dto) => new(
        dto.ChannelId ?? throw new System.Text.Json.JsonException("The server named no channelId."),
        dto.Type ?? "group",
        dto.Name,
        dto.Home ?? "",
        dto.Version,
        (dto.Members ?? []).Select(m => new ChatMember(m.UserId, m.Role)).ToArray());

    private async Task<ChatChannel> CreateAsync(CreateChannelRequest request, CancellationToken cancellationToken)
    {
        var (status, created) = await SendAsync(
            HttpMethod.Post, "/v1/channels", request, HttpJson.Default.CreateChannelRequest, HttpJson.Default.ChannelDto, cancellationToken);
        var channel = Required(created);
        if (status != HttpStatusCode.Accepted) return ToChannel(channel);
        var id = channel.ChannelId ?? throw new System.Text.Json.JsonException("The server named no channelId.");
        for (var wait = TimeSpan.FromMilliseconds(50); ; wait = wait < TimeSpan.FromSeconds(1) ? wait * 2 : wait)
        {
            try
            {
                return await GetChannelAsync(id, cancellationToken);
            }
            catch (ChatApiException e) when (e.Status is HttpStatusCode.NotFound or HttpStatusCode.Forbidden)
            {
                await Task.Delay(wait, cancellationToken); // Its home is another cell: it comes by bridge.
            }
        }
    }

    private async Task<T?> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where T : class => (await SendAsync<Problem, T>(HttpMethod.Get, path, null, null, type, cancellationToken)).Body;

    // Everything here is repeatable: reads, and writes that carry a requestId.
    private async Task<(HttpStatusCode Status, TResponse? Body)> SendAsync<TRequest, TResponse>(
        HttpMethod method,
        string path,
        TRequest? body,
        JsonTypeInfo<TRequest>? bodyType,
        JsonTypeInfo<TResponse>? responseType,
        CancellationToken cancellationToken)
        where TRequest : class
        where TResponse : class
    {
        var token = await keeper.TokenAsync(cancellationToken);
        try
        {
            return await transport.SendAsync(method, path, body, bodyType, responseType, token, repeatable: true, cancellationToken);
        }
        catch (ChatApiException e) when (e.Status == HttpStatusCode.Unauthorized)
        {
            token = await keeper.RefreshAsync(token, cancellationToken);
            return await transport.SendAsync(method, path, body, bodyType, responseType, token, repeatable: true, cancellationToken);
        }
    }
}
