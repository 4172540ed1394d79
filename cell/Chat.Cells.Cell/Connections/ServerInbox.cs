using System.Threading.Channels;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Presence;
using Chat.Cells.Cell.Records;

namespace Chat.Cells.Cell.Connections;

/// <summary>Takes what workers publish to this server: verdicts, hints, receipts, presence, typing. One subscription, one reader, in order; losing some is harmless.</summary>
internal sealed partial class ServerInbox(
    CellIdentity identity,
    ICellState state,
    ConnectionRegistry connections,
    PendingRequests pending,
    InboxFeed feed,
    DeviceRevocations revocations,
    PresenceViews views,
    TypingFanOut typing,
    TimeProvider time,
    ILogger<ServerInbox> logger) : BackgroundService
{
    private const int MaxWaiting = 100_000;

    /// <summary>In bytes: hints carry whole records.</summary>
    private const long MaxWaitingBytes = 128L * 1024 * 1024;

    private static readonly TimeSpan SubscribeInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ExpiryInterval = TimeSpan.FromMilliseconds(500);

    private readonly Channel<ReadOnlyMemory<byte>> messages = Channel.CreateBounded<ReadOnlyMemory<byte>>(
        new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private IAsyncDisposable? subscription;
    private long waitingBytes;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await TrySubscribeAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken); // first: it may be subscribing
        if (subscription is not null) await subscription.DisposeAsync();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(SubscribeAsync(stoppingToken), ReadAllAsync(stoppingToken), ExpireAsync(stoppingToken));

    /// <summary>A state that can't be reached at the start is asked again; until then the heartbeat tick finds what hints would have told.</summary>
    private async Task SubscribeAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (subscription is null)
            {
                await Task.Delay(SubscribeInterval, time, stoppingToken);
                await TrySubscribeAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task TrySubscribeAsync(CancellationToken cancellationToken)
    {
        try
        {
            subscription = await state.SubscribeAsync(identity.ServerId, Receive, cancellationToken);
        }
        catch (CellStateException e)
        {
            LogNotSubscribed(e.Message);
        }
    }

    private void Receive(ReadOnlyMemory<byte> message)
    {
        if (Interlocked.Add(ref waitingBytes, message.Length) <= MaxWaitingBytes && messages.Writer.TryWrite(message)) return;
        Interlocked.Add(ref waitingBytes, -message.Length);
        GatewayMetrics.Lost.Add(1);
    }

    private async Task ReadAllAsync(CancellationToken stoppingToken)
    {
        try
        {
            await foreach (var message in messages.Reader.ReadAllAsync(stoppingToken))
            {
                Interlocked.Add(ref waitingBytes, -message.Length);
                Handle(message);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private async Task ExpireAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(ExpiryInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) pending.Expire();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            LogStopped();
        }
    }

    private void Handle(ReadOnlyMemory<byte> message)
    {
        try
        {
            switch (ServerMessage.Decode(message))
            {
                case Verdict verdict:
                    pending.Resolve(verdict);
                    break;
                case Hint hint:
                    feed.Deliver(hint);
                    break;
                case DeviceRevoked revoked:
                    revocations.CloseHere(revoked.UserId, revoked.DeviceId);
                    break;
                case ReceiptHint receipt:
                    var frame = ServerFrames.Receipt(receipt.ChannelId, receipt.UserId, receipt.DeliveredUpTo, receipt.ReadUpTo, time.GetUtcNow().ToUnixTimeMilliseconds());
                    foreach (var recipient in receipt.Recipients)
                    {
                        foreach (var socket in connections.Of(recipient))
                        {
                            if (socket.HasBegun) socket.Send(frame);
                        }
                    }
                    break;
                case PresenceNotice presence:
                    foreach (var item in presence.Items) views.Notice(item);
                    break;
                case TypingNotice notice:
                    typing.Deliver(notice);
                    break;
            }
        }
        catch (Exception e)
        {
            LogFailed(e); // one message must not stop those behind it; what it said is found again by tick or retry
        }
    }

    [LoggerMessage(430, LogLevel.Warning, "A message from a worker can't be handled and is dropped.")]
    private partial void LogFailed(Exception fault);

    [LoggerMessage(432, LogLevel.Warning, "What workers publish can't be subscribed to now: {Reason}")]
    private partial void LogNotSubscribed(string reason);

    [LoggerMessage(431, LogLevel.Debug, "Messages from workers are no longer taken.")]
    private partial void LogStopped();
}
