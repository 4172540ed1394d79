using System.Collections.Concurrent;
using System.Threading.Channels;
using Chat.Cells.Kubernetes.Client;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner.Spec;
using DeleteOptions = Chat.Cells.Kubernetes.Client.DeleteOptions;

namespace Chat.Cells.LocalCluster.PodRunner;

/// <summary>
/// Carries statuses and events to the API from loops of its own. While the API is down the newest status of each pod waits, and the newest events;
/// nothing else waits for them.
/// </summary>
public sealed class PodReporter(KubernetesClient client, ILogger logger, TimeProvider time) : IPodReporter
{
    private const int EventsKept = 256;
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<string, (PodObject Pod, V1PodStatus Status)> unsent = new(StringComparer.Ordinal);
    private readonly Channel<string> changed = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Channel<(PodObject Pod, bool Warning, string Reason, string Message)> events =
        Channel.CreateBounded<(PodObject, bool, string, string)>(new BoundedChannelOptions(EventsKept) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private readonly ResourceClient<Unstructured> pods = client.Of(ResourceType.Of<V1Pod>());
    private readonly PodEvents podEvents = new(client, time);
    private int sending;

    /// <inheritdoc/>
    public void Status(PodObject pod, V1PodStatus status)
    {
        unsent[pod.Metadata.Uid] = (pod, status);
        changed.Writer.TryWrite(pod.Metadata.Uid);
    }

    /// <inheritdoc/>
    public void Event(PodObject pod, bool warning, string reason, string message) => events.Writer.TryWrite((pod, warning, reason, message));

    /// <inheritdoc/>
    public async Task RemoveAsync(PodObject pod, CancellationToken cancellationToken)
    {
        unsent.TryRemove(pod.Metadata.Uid, out _);
        while (true)
        {
            try
            {
                await pods.DeleteAsync(pod.Metadata.Namespace, pod.Metadata.Name, cancellationToken, new DeleteOptions { Uid = pod.Metadata.Uid, GracePeriodSeconds = 0 });
                return;
            }
            catch (KubernetesException e) when (e.IsNotFound || e.IsConflict)
            {
                return; // gone, or another pod of this name
            }
            catch (Exception e) when (ApiTrouble.Is(e, cancellationToken))
            {
                logger.ReportFailed(pod.Display, "its removal", e.Message);
                await Task.Delay(Retry, time, cancellationToken);
            }
        }
    }

    /// <summary>Completes when every status reported so far has been sent.</summary>
    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        while (!unsent.IsEmpty || Volatile.Read(ref sending) > 0)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellationToken);
        }
    }

    /// <summary>Sends until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(SendStatusesAsync(cancellationToken), SendEventsAsync(cancellationToken));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return;
        }
    }

    private async Task SendStatusesAsync(CancellationToken cancellationToken)
    {
        await foreach (var uid in changed.Reader.ReadAllAsync(cancellationToken))
        {
            Interlocked.Increment(ref sending);
            while (unsent.TryRemove(uid, out var entry))
            {
                try
                {
                    await pods.MergePatchAsync(entry.Pod.Metadata.Namespace, entry.Pod.Metadata.Name, Patch(entry.Pod, entry.Status), cancellationToken, subresource: "status");
                }
                catch (KubernetesException e) when (e.IsNotFound || e.IsConflict)
                {
                    break; // gone, or another pod of this name: its uid in the patch is a precondition
                }
                catch (KubernetesException e) when (e.IsInvalid)
                {
                    logger.ReportFailed(entry.Pod.Display, "a status", e.Message);
                    break;
                }
                catch (Exception e) when (ApiTrouble.Is(e, cancellationToken))
                {
                    logger.ReportFailed(entry.Pod.Display, "a status", e.Message);
                    unsent.TryAdd(uid, entry); // unless a newer one is there
                    await Task.Delay(Retry, time, cancellationToken);
                }
            }

            Interlocked.Decrement(ref sending);
        }
    }

    // A merge patch leaves alone what it does not name, so what no longer holds is named with null.
    private static JsonObject Patch(PodObject pod, V1PodStatus status)
    {
        var node = KubernetesJson.ToNode(status);
        return new JsonObject { ["metadata"] = new JsonObject { ["uid"] = pod.Metadata.Uid }, ["status"] = node };
    }

    private async Task SendEventsAsync(CancellationToken cancellationToken)
    {
        await foreach (var (pod, warning, reason, message) in events.Reader.ReadAllAsync(cancellationToken))
        {
            try
            {
                await podEvents.RecordAsync(pod, warning, reason, message, cancellationToken);
            }
            catch (Exception e) when (ApiTrouble.Is(e, cancellationToken))
            {
                logger.ReportFailed(pod.Display, $"the event {reason}", e.Message);
                await Task.Delay(Retry, time, cancellationToken);
            }
        }
    }
}

/// <summary>Tells failures of the API, which pass, from defects, which must not be swallowed.</summary>
internal static class ApiTrouble
{
    public static bool Is(Exception e, CancellationToken cancellationToken) =>
        ApiFailure.Is(e) || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested);
}
