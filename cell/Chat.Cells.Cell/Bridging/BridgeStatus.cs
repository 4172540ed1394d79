using System.Collections.Concurrent;

namespace Chat.Cells.Cell.Bridging;

/// <summary>Counters of this process per peer, for the status endpoint.</summary>
public sealed class BridgeStatus
{
    private readonly ConcurrentDictionary<string, InboundCounts> inbound = new();
    private readonly ConcurrentDictionary<string, OutboundCounts> outbound = new();

    /// <summary>What came from each source.</summary>
    public IReadOnlyDictionary<string, InboundCounts> Inbound => inbound;

    /// <summary>What each target reads here.</summary>
    public IReadOnlyDictionary<string, OutboundCounts> Outbound => outbound;

    public InboundCounts Source(string cell) => inbound.GetOrAdd(cell, static _ => new InboundCounts());

    public OutboundCounts Target(string cell) => outbound.GetOrAdd(cell, static _ => new OutboundCounts());
}

/// <summary>Records of one source.</summary>
public sealed class InboundCounts
{
    private long appended;
    private long served;
    private long refused;
    private long repeated;

    public long Appended => Interlocked.Read(ref appended);

    public long Served => Interlocked.Read(ref served);

    public long Refused => Interlocked.Read(ref refused);

    public long Repeated => Interlocked.Read(ref repeated);

    internal void AddAppended(long count) => Interlocked.Add(ref appended, count);

    internal void AddServed(long count) => Interlocked.Add(ref served, count);

    internal void AddRefused(long count) => Interlocked.Add(ref refused, count);

    internal void AddRepeated(long count) => Interlocked.Add(ref repeated, count);
}

/// <summary>One target's reading.</summary>
public sealed class OutboundCounts
{
    private long streamed;
    private int readers;

    /// <summary>Records sent since the start.</summary>
    public long Streamed => Interlocked.Read(ref streamed);

    /// <summary>Open streams: 1 when its bridge is connected.</summary>
    public int Readers => Volatile.Read(ref readers);

    internal void AddStreamed(long count) => Interlocked.Add(ref streamed, count);

    internal void Opened() => Interlocked.Increment(ref readers);

    internal void Closed() => Interlocked.Decrement(ref readers);
}
