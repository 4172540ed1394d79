using System.Reflection;
using System.Runtime.ExceptionServices;
using Chat.Cells.Cell.Ports;

namespace Chat.Cells.Chaos.Faults;

/// <summary>What may become of a message between servers.</summary>
[Flags]
public enum MessageFaults
{
    None = 0,
    Dropped = 1,
    Doubled = 2,
    Reordered = 4,
}

/// <summary>A state whose messages between servers (verdicts, hints, receipts and whatever comes later) get lost, come twice, or overtake each other. Everything else passes.</summary>
/// <remarks>A type that isn't sealed, because <see cref="DispatchProxy"/> derives from it.</remarks>
internal class UnreliableMessages : DispatchProxy
{
    private static readonly TimeSpan MostLate = TimeSpan.FromMilliseconds(400);
    private readonly Lock gate = new();
    private ICellState inner = null!;
    private MessageChances chances = null!;

    public static ICellState Around(ICellState inner, MessageChances chances)
    {
        var port = Create<ICellState, UnreliableMessages>();
        var unreliable = (UnreliableMessages)(object)port;
        unreliable.inner = inner;
        unreliable.chances = chances;
        return port;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (targetMethod!.Name == nameof(ICellState.PublishAsync)) return PublishAsync((string)args![0]!, (ReadOnlyMemory<byte>)args[1]!, (CancellationToken)args[2]!);
        try
        {
            return targetMethod.Invoke(inner, args);
        }
        catch (TargetInvocationException e) when (e.InnerException is { } real)
        {
            ExceptionDispatchInfo.Throw(real);
            throw;
        }
    }

    private async ValueTask PublishAsync(string serverId, ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        MessageFaults faults;
        TimeSpan late;
        lock (gate)
        {
            faults = chances.Next();
            late = MostLate * chances.Random.NextDouble();
        }
        if (faults.HasFlag(MessageFaults.Dropped)) return;
        if (faults.HasFlag(MessageFaults.Doubled)) await inner.PublishAsync(serverId, message, cancellationToken);
        if (faults.HasFlag(MessageFaults.Reordered)) _ = PublishLateAsync(serverId, message, late);
        else await inner.PublishAsync(serverId, message, cancellationToken);
    }

    private async Task PublishLateAsync(string serverId, ReadOnlyMemory<byte> message, TimeSpan late)
    {
        await Task.Delay(late);
        try
        {
            await inner.PublishAsync(serverId, message, CancellationToken.None);
        }
        catch (ObjectDisposedException)
        {
            // The cell was stopped meanwhile: then the message is lost.
            chances.Lost();
        }
    }
}

/// <summary>How likely each fault is. Settable while messages flow.</summary>
/// <param name="random">Choices.</param>
/// <param name="kinds">The faults that strike.</param>
public sealed class MessageChances(Random random, MessageFaults kinds)
{
    private const double Likely = 0.35;
    private int struck;

    internal Random Random => random;

    /// <summary>False: everything passes.</summary>
    public bool Active { get; set; }

    /// <summary>How many messages were struck.</summary>
    public int Struck => Volatile.Read(ref struck);

    internal MessageFaults Next()
    {
        if (!Active) return MessageFaults.None;
        var faults = MessageFaults.None;
        foreach (var kind in new[] { MessageFaults.Dropped, MessageFaults.Doubled, MessageFaults.Reordered })
        {
            if (kinds.HasFlag(kind) && random.NextDouble() < Likely) faults |= kind;
        }
        if (faults != MessageFaults.None) Interlocked.Increment(ref struck);
        return faults;
    }

    internal void Lost() => Interlocked.Increment(ref struck);
}
