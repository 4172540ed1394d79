using System.Collections.Concurrent;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.LocalCluster.PodRunner;
using Chat.Cells.LocalCluster.PodRunner.Spec;

namespace Chat.Cells.LocalCluster.Tests.PodRunner;

internal sealed class FakeObjects : IPodObjects
{
    public ConcurrentDictionary<string, Dictionary<string, byte[]>> ConfigMaps { get; } = new(StringComparer.Ordinal);

    public ConcurrentDictionary<string, Dictionary<string, byte[]>> Secrets { get; } = new(StringComparer.Ordinal);

    public ConcurrentDictionary<string, string> ClaimProblems { get; } = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, byte[]>? ConfigMap(string @namespace, string name) => ConfigMaps.GetValueOrDefault($"{@namespace}/{name}");

    public IReadOnlyDictionary<string, byte[]>? Secret(string @namespace, string name) => Secrets.GetValueOrDefault($"{@namespace}/{name}");

    public string? ClaimProblem(string @namespace, string claim) => ClaimProblems.GetValueOrDefault($"{@namespace}/{claim}");
}

internal sealed class FakeReporter : IPodReporter
{
    private readonly TaskCompletionSource removed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public V1PodStatus? Last { get; private set; }

    public ConcurrentQueue<string> Events { get; } = new();

    public bool Removed => removed.Task.IsCompleted;

    public V1ContainerStatus? Container => Last?.ContainerStatuses?.FirstOrDefault();

    public void Status(PodObject pod, V1PodStatus status) => Last = status;

    public void Event(PodObject pod, bool warning, string reason, string message) => Events.Enqueue($"{reason}: {message}");

    public Task RemoveAsync(PodObject pod, CancellationToken cancellationToken)
    {
        removed.TrySetResult();
        return Task.CompletedTask;
    }
}
