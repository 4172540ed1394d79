using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Client.Presence;
using Chat.Cells.Client.Sync;
using Chat.Cells.Client.Timelines;
using Chat.Cells.Client.Unread;
using Chat.Cells.Client.Wire;

namespace Chat.Cells.Client;

/// <summary>
/// One device of one user. Keeps a socket open, takes in everything the user is sent, each once and in order, and sends until the server has accepted. Thread-safe.
/// </summary>
/// <remarks>Make it from a <see cref="Session"/> (<see cref="ChatAccounts"/>), <see cref="Start"/> it, read <see cref="Timeline"/>s and events.</remarks>
public sealed class ChatClient : IAsyncDisposable
{
    private readonly ChatClientOptions options;
    private readonly HttpClient http;
    private readonly bool ownsHttp;
    private readonly SessionKeeper keeper;
    private readonly DeviceState state;
    private readonly Outbox outbox;
    private readonly Progress progress = new();
    private readonly ReadPointers reads = new();
    private readonly LiveState live;
    private readonly ConnectionPump pump;
    private readonly ConnectionLoop loop;
    private readonly Lock subscribing = new();
    private readonly CancellationTokenSource stopping = new();
    private volatile EventSubscription[] subscriptions = [];
    private Task? running;

    public ChatClient(Session session, ChatClientOptions options)
    {
        this.options = options;
        ownsHttp = options.HttpClient is null;
        http = options.HttpClient ?? NewHttpClient();
        keeper = new SessionKeeper(session, new ChatAccounts(http, options.Endpoint, options.TimeProvider), options);
        Api = new ChatApi(new HttpTransport(http, options.Endpoint, options.TimeProvider), keeper);
        state = new DeviceState(session.UserId, options.MaxTimeline);
        var frames = new FrameWriter(options.TimeProvider);
        outbox = new Outbox(options, frames);
        live = new LiveState(options.TimeProvider);
        pump = new ConnectionPump(options, outbox, progress, reads, live, frames);
        loop = new ConnectionLoop(options, keeper, Api, state, outbox, progress, reads, Unread, live, pump, frames, RaiseAsync);
        keeper.Renewed = renewed =>
        {
            SessionRenewed?.Invoke(renewed);
            pump.Renew(renewed.AccessToken);
        };
    }

    /// <summary>Called with every renewed session: keep it, the one before is void.</summary>
    public event Action<Session>? SessionRenewed;

    /// <summary>The HTTP side: profiles, channels, history.</summary>
    public ChatApi Api { get; }

    /// <summary>The session as it is now.</summary>
    public Session Session => keeper.Current;

    public string UserId => state.UserId;

    public ConnectionState State => loop.State;

    /// <summary>The number of the current connection, from 1; 0 before the first.</summary>
    public int Connection => loop.Connection;

    /// <summary>Sends, edits and deletions without an answer, sent or not.</summary>
    public int Unacked => outbox.Count;

    /// <summary>Sends on the wire without an answer.</summary>
    public int InFlight => outbox.InFlight;

    /// <summary>Sends to a channel that are on the wire without an answer.</summary>
    public int InFlightIn(string channelId) => outbox.InFlightIn(channelId);

    /// <summary>What the handler of <see cref="ChatClientOptions.Handler"/> failed with, last; null: never.</summary>
    public Exception? LastHandlerFailure { get; private set; }

    /// <summary>The channels that the device knows.</summary>
    public IEnumerable<ChatChannel> Channels => state.Channels;

    /// <summary>The timelines of channels in which the device has seen or sent something.</summary>
    public IEnumerable<ChannelTimeline> Timelines => state.Timelines;

    /// <summary>A channel's timeline; empty when nothing was seen there.</summary>
    public ChannelTimeline Timeline(string channelId) => state.Timeline(channelId);

    /// <summary>How many messages of others the user has not read, by channel; changes are told by <see cref="UnreadChanged"/>.</summary>
    public UnreadCounts Unread { get; } = new();

    /// <summary>What this device has sent to a channel without an answer yet: show it after the timeline, as "sending".</summary>
    public IReadOnlyList<PendingSend> Pending(string channelId) => outbox.Of(channelId);

    /// <summary>The edits and deletions of this device in a channel without an answer yet, in order: show them as done; what is refused is not in the timeline.</summary>
    public IReadOnlyList<PendingChange> PendingChanges(string channelId) => outbox.Changes.Of(channelId);

    /// <summary>Connects, and stays connected until disposed of.</summary>
    public void Start()
    {
        if (running is not null) throw new InvalidOperationException("The client is started already.");
        running = Task.Run(() => loop.RunAsync(stopping.Token));
    }

    /// <summary>Queues a text for a channel and returns at once, connected or not.</summary>
    /// <param name="channelId">The channel.</param>
    /// <param name="content">Up to 100,000 code points.</param>
    /// <param name="replyTo">The id of the message that this answers.</param>
    /// <param name="requestId">For a send that survives the process: the same id again is the same send. Null: a new one.</param>
    /// <exception cref="OutboxFullException">Too many wait already.</exception>
    public PendingSend Send(string channelId, string content, string? replyTo = null, string? requestId = null)
    {
        var send = outbox.Add(requestId ?? Ulid.NewUlid().ToString(), channelId, content, "text", replyTo, state.FindTimeline(channelId)?.HighestId);
        pump.Wake();
        return send;
    }

    /// <summary>Sends a text and waits for its outcome.</summary>
    public Task<SendOutcome> SendAsync(string channelId, string content, string? replyTo, CancellationToken cancellationToken) =>
        Send(channelId, content, replyTo).Outcome.WaitAsync(cancellationToken);

    /// <summary>
    /// Queues another text for one of the user's own messages and returns at once, connected or not. Several changes of a message take effect in their order. A send without an
    /// answer has no id yet and can't be edited.
    /// </summary>
    /// <param name="channelId">The channel.</param>
    /// <param name="messageId">The accepted message.</param>
    /// <param name="content">Up to 100,000 code points.</param>
    /// <param name="requestId">For an edit that survives the process: the same id again is the same edit. Null: a new one.</param>
    /// <exception cref="OutboxFullException">Too many wait already.</exception>
    public PendingChange Edit(string channelId, string messageId, string content, string? requestId = null)
    {
        ArgumentNullException.ThrowIfNull(content);
        return Change(channelId, messageId, content, requestId);
    }

    /// <summary>Edits a message and waits for the outcome.</summary>
    public Task<ChangeOutcome> EditAsync(string channelId, string messageId, string content, CancellationToken cancellationToken) =>
        Edit(channelId, messageId, content).Outcome.WaitAsync(cancellationToken);

    /// <summary>Queues the deletion of a message for everybody: one of the user's own, or in a group that the user is admin or owner of, anybody's.</summary>
    /// <param name="channelId">The channel.</param>
    /// <param name="messageId">The accepted message.</param>
    /// <param name="requestId">For a deletion that survives the process. Null: a new one.</param>
    /// <exception cref="OutboxFullException">Too many wait already.</exception>
    public PendingChange Delete(string channelId, string messageId, string? requestId = null) => Change(channelId, messageId, null, requestId);

    /// <summary>Deletes a message and waits for the outcome.</summary>
    public Task<ChangeOutcome> DeleteAsync(string channelId, string messageId, CancellationToken cancellationToken) =>
        Delete(channelId, messageId).Outcome.WaitAsync(cancellationToken);

    /// <summary>
    /// The user has read a channel up to a message, as far as this device was told of it; for an own message that means the last one of others before it. A message that
    /// comes late, with a lower id, counts as unread until the next call. Kept until the server has it.
    /// </summary>
    public void MarkRead(string channelId, string messageId)
    {
        var timeline = state.FindTimeline(channelId);
        var upTo = timeline is null ? messageId : timeline.ReadUpTo(messageId, UserId);
        if (upTo is null) return;
        var again = Unread.Of(channelId).Count > 0 && timeline?.HasOthersAbove(upTo, UserId) == false;
        // Of a message that isn't here the device doesn't know whether its inbox has come that far.
        var cursor = timeline?.Has(upTo) == true ? progress.Shown : null;
        if (reads.Mark(channelId, upTo, cursor, again) is not { } told) return;
        Unread.Read(channelId, told, everything: timeline?.HasOthersAbove(told, UserId) == false);
        pump.Wake();
    }

    /// <summary>
    /// Views the presence of these users, instead of those before, until the next call; an empty list ends it. Said again after each reconnect. Changes come as
    /// <see cref="PresenceChanged"/>. Those who share no channel with the user look offline, and <see cref="ServerComplained"/> says so.
    /// </summary>
    /// <returns>Done when each of them has been shown once.</returns>
    /// <exception cref="ArgumentException">More than <see cref="Protocol.ProtocolLimits.MaxPresenceUsers"/> users.</exception>
    /// <exception cref="PresenceRefusedException">An id is none.</exception>
    public Task SubscribePresenceAsync(IReadOnlyCollection<string> userIds, CancellationToken cancellationToken = default)
    {
        if (userIds.Count > Protocol.ProtocolLimits.MaxPresenceUsers) throw new ArgumentException($"At most {Protocol.ProtocolLimits.MaxPresenceUsers} users can be viewed at once.", nameof(userIds));
        var answered = live.Presence.Want(userIds);
        pump.Wake();
        return answered.WaitAsync(cancellationToken);
    }

    /// <summary>What is known of a viewed user's presence; null before the first word.</summary>
    public UserPresence? Presence(string userId) => live.Presence.Find(userId);

    /// <summary>Says that nobody looks at this device, or that somebody does again; holds until the next call, over reconnects.</summary>
    public Task SetAwayAsync(bool isAway = true)
    {
        live.Presence.SetAway(isAway);
        pump.Wake();
        return Task.CompletedTask;
    }

    /// <summary>Says that the user types in a channel, or stopped. Call it on every key stroke: what needs not be said isn't sent. Dropped while not connected.</summary>
    public Task SendTypingAsync(string channelId, bool typing = true)
    {
        if (State == ConnectionState.Live && live.Typing.Say(channelId, typing)) pump.Wake();
        return Task.CompletedTask;
    }

    /// <summary>The other members who type in a channel now.</summary>
    public IReadOnlyList<string> TypingIn(string channelId) => live.Typing.In(channelId);

    /// <summary>Events from now on.</summary>
    /// <param name="capacity">How many may wait for the reader.</param>
    public EventSubscription Subscribe(int capacity = 4_096)
    {
        var subscription = new EventSubscription(capacity, Leave);
        lock (subscribing) subscriptions = [.. subscriptions, subscription];
        return subscription;
    }

    /// <summary>Waits until everything missed has come in and events come live.</summary>
    /// <exception cref="SessionEndedException">The session is over.</exception>
    public Task WaitUntilLiveAsync(CancellationToken cancellationToken) => loop.WaitUntilLiveAsync(cancellationToken);

    /// <summary>Drops the connection as a dead network would; the client connects again. For tests and drills.</summary>
    public void DropConnection() => loop.Drop("Dropped on request.");

    public async ValueTask DisposeAsync()
    {
        if (stopping.IsCancellationRequested) return;
        await stopping.CancelAsync();
        if (running is not null) await running;
        foreach (var send in outbox.Clear()) send.Cancel();
        foreach (var change in outbox.Changes.Clear()) change.Cancel();
        live.Presence.Cancel();
        foreach (var subscription in subscriptions) subscription.Dispose();
        loop.Dispose();
        keeper.Dispose();
        if (ownsHttp) http.Dispose();
        stopping.Dispose();
    }

    /// <summary>An HTTP client as the SDK wants it: redirects are followed by the SDK itself.</summary>
    public static HttpClient NewHttpClient() =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };

    private PendingChange Change(string channelId, string messageId, string? content, string? requestId)
    {
        var change = outbox.Change(requestId ?? Ulid.NewUlid().ToString(), channelId, messageId, content);
        pump.Wake();
        return change;
    }

    private void Leave(EventSubscription subscription)
    {
        lock (subscribing) subscriptions = subscriptions.Where(s => s != subscription).ToArray();
    }

    private async ValueTask RaiseAsync(ChatEvent chatEvent, CancellationToken cancellationToken)
    {
        if (options.Handler is { } handler)
        {
            try
            {
                await handler(chatEvent, cancellationToken);
            }
            catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
            {
                LastHandlerFailure = e;
                throw new HandlerFailedException(e);
            }
        }
        foreach (var subscription in subscriptions) subscription.Offer(chatEvent);
    }
}
