using System.Globalization;
using System.Net;
using Chat.Cells.Client.Accounts;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Messaging;
using Chat.Cells.Client.Presence;
using Chat.Cells.Client.Sync;
using Chat.Cells.Client.Unread;
using Chat.Cells.Client.Wire;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client.Connections;

/// <summary>Connects, syncs, stays connected; after every end decides when and where to connect again.</summary>
internal sealed class ConnectionLoop : IDisposable
{
    private static readonly TimeSpan MaxServerDelay = TimeSpan.FromMinutes(2);

    private readonly ChatClientOptions options;
    private readonly SessionKeeper keeper;
    private readonly DeviceState device;
    private readonly Outbox outbox;
    private readonly Progress progress;
    private readonly ReadPointers reads;
    private readonly UnreadCounts unread;
    private readonly LiveState liveState;
    private readonly ConnectionPump pump;
    private readonly FrameWriter frames;
    private readonly Func<ChatEvent, CancellationToken, ValueTask> raise;
    private readonly HistoryReload history;
    private readonly SemaphoreSlim applying = new(1, 1);
    private readonly Lock gate = new();
    private TaskCompletionSource live = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile SocketConnection? open;
    private Uri endpoint;
    private long syncedAt;
    private volatile bool signedOut;

    public ConnectionLoop(
        ChatClientOptions options,
        SessionKeeper keeper,
        ChatApi api,
        DeviceState device,
        Outbox outbox,
        Progress progress,
        ReadPointers reads,
        UnreadCounts unread,
        LiveState liveState,
        ConnectionPump pump,
        FrameWriter frames,
        Func<ChatEvent, CancellationToken, ValueTask> raise)
    {
        this.options = options;
        this.keeper = keeper;
        this.device = device;
        this.outbox = outbox;
        this.progress = progress;
        this.reads = reads;
        this.unread = unread;
        this.liveState = liveState;
        this.pump = pump;
        this.frames = frames;
        this.raise = raise;
        endpoint = options.Endpoint;
        history = new HistoryReload(options, api, device, ExclusivelyAsync);
    }

    public ConnectionState State { get; private set; }

    public int Connection { get; private set; }

    public void Drop(string reason)
    {
        var connection = open;
        try
        {
            connection?.Break(reason);
        }
        catch (ObjectDisposedException)
        {
            open = null; // It ended by itself in this moment.
        }
    }

    public async Task WaitUntilLiveAsync(CancellationToken cancellationToken)
    {
        Task task;
        lock (gate) task = live.Task;
        await task.WaitAsync(cancellationToken);
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await LoadCursorAsync(cancellationToken);
            var refreshing = RefreshAheadAsync(cancellationToken);
            try
            {
                await ReconnectForeverAsync(cancellationToken);
            }
            catch (SessionEndedException e)
            {
                await EndAsync(e, cancellationToken);
            }
            await refreshing;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            State = ConnectionState.Stopped;
        }
        lock (gate) live.TrySetCanceled(cancellationToken.IsCancellationRequested ? cancellationToken : new CancellationToken(canceled: true));
    }

    public void Dispose() => applying.Dispose();

    /// <summary>Tried until it succeeds: without its cursor the device would not know what it has missed.</summary>
    private async Task LoadCursorAsync(CancellationToken cancellationToken)
    {
        var backoff = new Backoff(options.ReconnectBase, options.ReconnectCap, options.Jitter);
        while (true)
        {
            try
            {
                progress.Load(await options.CursorStore.LoadAsync(cancellationToken));
                return;
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                var wait = backoff.Next();
                await SetStateAsync(ConnectionState.Waiting, new ConnectionEnd(false, null, $"The cursor could not be read: {e.Message}", null, null, null), wait, cancellationToken);
                await Task.Delay(wait, options.TimeProvider, cancellationToken);
            }
        }
    }

    private async Task ReconnectForeverAsync(CancellationToken cancellationToken)
    {
        var backoff = new Backoff(options.ReconnectBase, options.ReconnectCap, options.Jitter);
        string? rejected = null;
        ConnectionEnd? end = null;
        while (!signedOut)
        {
            await SetStateAsync(ConnectionState.Connecting, end, null, cancellationToken);
            string? token = null;
            try
            {
                token = rejected is null ? await keeper.TokenAsync(cancellationToken) : await keeper.RefreshAsync(rejected, cancellationToken);
                rejected = null;
                end = await ConnectOnceAsync(token, cancellationToken);
            }
            catch (Exception e) when (e is not SessionEndedException && !cancellationToken.IsCancellationRequested)
            {
                // Also a network's own page instead of an answer, or an application that could not keep a renewed session: the device must not fall silent for that.
                end = new ConnectionEnd(false, null, e.Message, (e as ChatApiException)?.Status, (e as ChatApiException)?.RetryAfter, null);
            }
            cancellationToken.ThrowIfCancellationRequested();
            if (signedOut) return;
            if (end.SyncedFor >= options.StableAfter) backoff.Reset();
            // A token that was just made and is refused again is not renewed at once: the back-off below grows.
            if (token is not null && (end.CloseCode == CloseCodes.Unauthorized || end.Status == HttpStatusCode.Unauthorized)) rejected = token;
            if (end.CloseCode == CloseCodes.Moved && end.Reason is { Length: > 0 } home)
            {
                endpoint = options.ResolveHome?.Invoke(home) ?? endpoint;
                await RaiseAsync(new Moved(home), cancellationToken);
            }
            var wait = WaitAfter(end, backoff);
            await SetStateAsync(ConnectionState.Waiting, end, wait, cancellationToken);
            await Task.Delay(wait, options.TimeProvider, cancellationToken);
        }
    }

    private static TimeSpan WaitAfter(ConnectionEnd end, Backoff backoff)
    {
        if (end.CloseCode == CloseCodes.Draining
            && long.TryParse(end.Reason, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            && milliseconds <= MaxServerDelay.TotalMilliseconds)
        {
            return TimeSpan.FromMilliseconds(milliseconds); // Already jittered, by the server that knows how many of us there are.
        }
        var own = backoff.Next();
        if (end.RetryAfter is not { } asked) return own;
        var least = asked > MaxServerDelay ? MaxServerDelay : asked;
        return least + own; // The jitter keeps those who were told the same apart.
    }

    private async Task<ConnectionEnd> ConnectOnceAsync(string token, CancellationToken cancellationToken)
    {
        Connection++;
        var (connection, refused) = await SocketConnection.OpenAsync(endpoint, token, Connection, options, cancellationToken);
        if (connection is null) return refused!;
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        FrameApplier? applier = null;
        var reloading = Task.CompletedTask;
        applier = new FrameApplier(device, outbox, progress, reads, unread, liveState, raise)
        {
            Reload = () => reloading = Task.Run(() => ReloadAsync(connection, applier!, ending.Token), CancellationToken.None),
            InSync = MarkLive,
        };
        syncedAt = 0;
        progress.Restart();
        reads.Requeue();
        outbox.Requeue();
        liveState.Presence.Requeue();
        connection.TrySend(frames.Sync(progress.Cursor)); // First, before anything queued.
        open = connection;
        await SetStateAsync(ConnectionState.Syncing, null, null, cancellationToken);
        var pumping = PumpAsync(connection, ending.Token);
        ConnectionEnd end;
        try
        {
            end = await connection.RunAsync(
                async (frame, token) =>
                {
                    await ExclusivelyAsync(() => applier.ApplyAsync(frame, token), token);
                    pump.Wake();
                },
                cancellationToken);
        }
        finally
        {
            open = null;
            NotLive();
            connection.Break("The connection has ended.");
            await ending.CancelAsync();
            await pumping;
            await reloading;
            connection.Dispose();
        }
        foreach (var over in liveState.Typing.Clear()) await RaiseAsync(over, cancellationToken);
        return syncedAt == 0 ? end : end with { SyncedFor = options.TimeProvider.GetElapsedTime(syncedAt) };
    }

    private async Task PumpAsync(SocketConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await pump.RunAsync(connection, RaiseAsync, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            connection.Break("The connection has ended.");
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            connection.Break($"The cursor could not be kept: {e.Message}"); // The application's store failed; what it did not keep will come again.
        }
    }

    private async Task ReloadAsync(SocketConnection connection, FrameApplier applier, CancellationToken cancellationToken)
    {
        try
        {
            await history.RunAsync(raise, (message, token) => applier.InsertAsync(message, live: false, token), cancellationToken);
            progress.EndReload();
            MarkLive();
            await RaiseAsync(new ConnectionChanged(ConnectionState.Live, null, null), cancellationToken);
            await RaiseAsync(new Synced(Reset: true), cancellationToken);
            pump.Wake();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            progress.Restart(); // The next connection is told to reset again.
        }
        catch (Exception e) when (e is SessionEndedException or HandlerFailedException or System.Text.Json.JsonException)
        {
            connection.Break(e.Message);
        }
    }

    private async Task RefreshAheadAsync(CancellationToken cancellationToken)
    {
        var backoff = new Backoff(options.ReconnectBase, options.ReconnectCap, options.Jitter);
        while (!signedOut)
        {
            var wait = keeper.UntilRefresh;
            var longest = TimeSpan.FromHours(1);
            await Task.Delay(wait <= TimeSpan.Zero ? TimeSpan.Zero : wait > longest ? longest : wait, options.TimeProvider, cancellationToken);
            if (keeper.UntilRefresh > TimeSpan.Zero) continue;
            try
            {
                await keeper.RefreshAsync(keeper.Current.AccessToken, cancellationToken);
                backoff.Reset();
            }
            catch (SessionEndedException e)
            {
                await EndAsync(e, cancellationToken);
                return;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                await Task.Delay(backoff.Next() + TimeSpan.FromMilliseconds(50), options.TimeProvider, cancellationToken);
            }
        }
    }

    private async Task EndAsync(SessionEndedException reason, CancellationToken cancellationToken)
    {
        signedOut = true;
        await SetStateAsync(ConnectionState.SignedOut, null, null, cancellationToken);
        lock (gate) live.TrySetException(reason);
        Drop(reason.Message);
        foreach (var send in outbox.Clear())
        {
            var outcome = new SendOutcome(send.RequestId, null, ErrorCodes.Unauthorized, reason.Message);
            send.Complete(outcome);
            await RaiseAsync(new SendRefused(outcome, send.ChannelId), cancellationToken);
        }
        foreach (var change in outbox.Changes.Clear())
        {
            var outcome = new ChangeOutcome(change.RequestId, change.MessageId, null, ErrorCodes.Unauthorized, reason.Message);
            change.Complete(outcome);
            await RaiseAsync(new ChangeRefused(outcome, change.ChannelId), cancellationToken);
        }
    }

    private void MarkLive()
    {
        syncedAt = options.TimeProvider.GetTimestamp();
        State = ConnectionState.Live;
        lock (gate) live.TrySetResult();
    }

    private void NotLive()
    {
        lock (gate)
        {
            if (live.Task.IsCompletedSuccessfully) live = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private async ValueTask SetStateAsync(ConnectionState state, ConnectionEnd? end, TimeSpan? wait, CancellationToken cancellationToken)
    {
        State = signedOut ? ConnectionState.SignedOut : state;
        await RaiseAsync(new ConnectionChanged(State, end, wait), cancellationToken);
    }

    // For events that can't come again: a handler that fails has been told, and the connection goes on.
    private async ValueTask RaiseAsync(ChatEvent chatEvent, CancellationToken cancellationToken)
    {
        try
        {
            await ExclusivelyAsync(() => raise(chatEvent, cancellationToken), cancellationToken);
        }
        catch (HandlerFailedException)
        {
            return; // Kept in ChatClient.LastHandlerFailure.
        }
    }

    private async Task ExclusivelyAsync(Func<ValueTask> action, CancellationToken cancellationToken)
    {
        await applying.WaitAsync(cancellationToken);
        try
        {
            await action();
        }
        finally
        {
            applying.Release();
        }
    }
}
