using System.Globalization;
using System.Text.Json.Nodes;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Kubernetes.Events;

/// <summary>
/// Records Events (core/v1, which <c>kubectl describe</c> shows) about objects. A repeat of an event within ten minutes raises the count of the first instead of making another.
/// Events are for people: one that can't be written is logged and dropped, never a failure of the caller.
/// </summary>
public sealed partial class EventRecorder
{
    private const int Remembered = 1024;
    private const int LongestMessage = 1024;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    private readonly ResourceClient<V1Event> _events;
    private readonly string _component;
    private readonly string _instance;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private readonly Dictionary<EventKey, Sent> _sent = [];

    /// <summary>Makes a recorder for a component (shown as the source) and the instance of it.</summary>
    public EventRecorder(KubernetesClient client, string component, string instance, ILogger logger, TimeProvider? time = null)
    {
        _events = client.Of<V1Event>();
        _component = component;
        _instance = instance;
        _logger = logger;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Something went as planned.</summary>
    public Task NormalAsync(IKubernetesObject about, string reason, string message, CancellationToken cancellationToken) =>
        RecordAsync(about, "Normal", reason, message, cancellationToken);

    /// <summary>Something that a person should look at.</summary>
    public Task WarningAsync(IKubernetesObject about, string reason, string message, CancellationToken cancellationToken) =>
        RecordAsync(about, "Warning", reason, message, cancellationToken);

    private async Task RecordAsync(IKubernetesObject about, string type, string reason, string message, CancellationToken cancellationToken)
    {
        if (message.Length > LongestMessage)
        {
            message = message[..(LongestMessage - 1)] + "…";
        }
        var key = new EventKey(about.Metadata.Uid ?? about.Metadata.Name ?? string.Empty, type, reason, message);
        await _gate.WaitAsync(cancellationToken);
        try
        {
            var now = _time.GetUtcNow();
            if (_sent.TryGetValue(key, out var sent) && now - sent.At < Window && await RaiseAsync(key, sent, now, cancellationToken))
            {
                return;
            }
            await CreateAsync(about, key, now, cancellationToken);
        }
        catch (Exception e) when (ApiFailure.Is(e))
        {
            LogDropped(type, reason, about.Metadata.Name ?? string.Empty, e.Message);
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task<bool> RaiseAsync(EventKey key, Sent sent, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var patch = new JsonObject
        {
            ["count"] = sent.Count + 1,
            ["lastTimestamp"] = now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
        };
        try
        {
            await _events.MergePatchAsync(sent.Namespace, sent.Name, patch, cancellationToken);
            _sent[key] = sent with { Count = sent.Count + 1, At = now };
            return true;
        }
        catch (KubernetesException e) when (e.IsNotFound)
        {
            // The server keeps events for an hour or so: begin a new one.
            return false;
        }
    }

    private async Task CreateAsync(IKubernetesObject about, EventKey key, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var ns = string.IsNullOrEmpty(about.Metadata.Namespace) ? "default" : about.Metadata.Namespace;
        var name = $"{about.Metadata.Name}.{now.UtcTicks:x}{Random.Shared.Next(0x10000):x4}";
        await _events.CreateAsync(
            new V1Event
            {
                Metadata = new V1ObjectMeta { Namespace = ns, Name = name },
                InvolvedObject = V1ObjectReference.To(about),
                Type = key.Type,
                Reason = key.Reason,
                Message = key.Message,
                Count = 1,
                FirstTimestamp = now,
                LastTimestamp = now,
                Source = new V1EventSource { Component = _component },
                ReportingComponent = _component,
                ReportingInstance = _instance,
            },
            cancellationToken);
        if (_sent.Count >= Remembered)
        {
            foreach (var old in _sent.OrderBy(s => s.Value.At).Take(Remembered / 4).Select(s => s.Key).ToList())
            {
                _sent.Remove(old);
            }
        }
        _sent[key] = new Sent(ns, name, 1, now);
    }

    [LoggerMessage(1, LogLevel.Warning, "The {Type} event {Reason} about {Name} could not be recorded: {Error}")]
    private partial void LogDropped(string type, string reason, string name, string error);

    private sealed record EventKey(string Uid, string Type, string Reason, string Message);

    private sealed record Sent(string Namespace, string Name, int Count, DateTimeOffset At);
}
