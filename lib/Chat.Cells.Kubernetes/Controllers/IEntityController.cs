using Chat.Cells.Kubernetes.Models;

namespace Chat.Cells.Kubernetes.Controllers;

/// <summary>Brings the world in line with an object (KubeOps' term). Level-triggered: told that something may differ, never what.</summary>
public interface IEntityController<in T>
    where T : class, IKubernetesObject
{
    /// <summary>Reconciles one object. The object is shared with the cache: don't change it. Throwing means: try again later, with back-off.</summary>
    Task<ReconciliationResult> ReconcileAsync(T entity, CancellationToken cancellationToken);

    /// <summary>The object is gone.</summary>
    Task DeletedAsync(ObjectKey key, CancellationToken cancellationToken);
}

/// <summary>Work to be done before an object may go (KubeOps' term).</summary>
public interface IEntityFinalizer<in T>
    where T : class, IKubernetesObject
{
    /// <summary>The entry in <c>metadata.finalizers</c>, such as <c>chatcells.io/cell</c>.</summary>
    string Identifier { get; }

    /// <summary>Does what is left to do. The entry is removed once this answers <see cref="FinalizerResult.Done"/>.</summary>
    Task<FinalizerResult> FinalizeAsync(T entity, CancellationToken cancellationToken);
}

/// <summary>What a reconcile came to.</summary>
/// <param name="RequeueAfter">Look again after this time even if nothing changes; null for no.</param>
public readonly record struct ReconciliationResult(TimeSpan? RequeueAfter);

/// <summary>What a finalizer came to.</summary>
/// <param name="IsDone">The object may go.</param>
/// <param name="RequeueAfter">When to look again while it may not.</param>
public readonly record struct FinalizerResult(bool IsDone, TimeSpan? RequeueAfter)
{
    /// <summary>The object may go.</summary>
    public static FinalizerResult Done => new(true, null);

    /// <summary>Not yet: look again later.</summary>
    public static FinalizerResult NotYet(TimeSpan requeueAfter) => new(false, requeueAfter);
}
