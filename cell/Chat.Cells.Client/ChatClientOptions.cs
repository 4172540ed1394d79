using Chat.Cells.Client.Connections;
using Chat.Cells.Client.Events;
using Chat.Cells.Client.Sync;
using Chat.Cells.Protocol;

namespace Chat.Cells.Client;

/// <summary>How a <see cref="ChatClient"/> behaves. The defaults suit an application; tests shrink the times.</summary>
public sealed record ChatClientOptions
{
    /// <summary>The router (or one cell's public address), for example <c>http://localhost:30080</c>.</summary>
    public required Uri Endpoint { get; init; }

    /// <summary>The first reconnect's longest wait; doubles with each failure.</summary>
    public TimeSpan ReconnectBase { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait between two attempts to connect.</summary>
    public TimeSpan ReconnectCap { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long an attempt to connect may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A connection that was in sync for so long clears the count of failed attempts.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often <c>heartbeat</c> is sent.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = ProtocolLimits.HeartbeatInterval;

    /// <summary>A server that is silent for so long is taken for dead: the socket is dropped and opened anew.</summary>
    public TimeSpan ServerSilence { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>A send without an answer is sent again on the same connection after this time; doubles each time, to four times this.</summary>
    public TimeSpan AckTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long <c>delivered</c> acks are collected into one.</summary>
    public TimeSpan DeliveredDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The wait before a send that was answered <c>retry</c> or <c>busy</c> without a <c>retryAfter</c>.</summary>
    public TimeSpan DefaultRetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The access token is renewed when this share of its life is left.</summary>
    public double RefreshAhead { get; init; } = 0.25;

    /// <summary>The most sends that wait for an answer, sent or not.</summary>
    public int MaxOutbox { get; init; } = 1_000;

    /// <summary>The most sends on the wire without an answer.</summary>
    public int MaxInFlight { get; init; } = 128;

    /// <summary>The most messages that a channel's timeline holds; the oldest leave first.</summary>
    public int MaxTimeline { get; init; } = 2_000;

    /// <summary>How many of each channel's newest messages are loaded when the server says <c>sync_reset</c>.</summary>
    public int HistoryOnReset { get; init; } = 100;

    /// <summary>The largest frame that is read, in bytes; a larger one ends the connection.</summary>
    public int MaxFrameBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Where the sync cursor is kept. In memory by default.</summary>
    public ICursorStore CursorStore { get; init; } = new InMemoryCursorStore();

    /// <summary>Called for every event and awaited before the cursor moves past it: what has to be durable is written here. Must not wait for a send's outcome.</summary>
    public Func<ChatEvent, CancellationToken, ValueTask>? Handler { get; init; }

    /// <summary>Sees every frame in and out.</summary>
    public IFrameTap? FrameTap { get; init; }

    /// <summary>Where to connect after <c>moved</c>, by the new home's name; null: the same endpoint (a router finds the new home).</summary>
    public Func<string, Uri?>? ResolveHome { get; init; }

    /// <summary>The HTTP client for everything but the socket; null: the SDK makes one.</summary>
    public HttpClient? HttpClient { get; init; }

    /// <summary>Time and timers.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Source of jitter, 0 to 1; null: random.</summary>
    public Func<double>? Jitter { get; init; }
}
