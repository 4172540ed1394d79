using Chat.Cells.Kubernetes.Controllers;
using Chat.Cells.Kubernetes.Models;
using Chat.Cells.Operator.Api;
using Chat.Cells.Operator.Apply;
using Chat.Cells.Operator.Observe;
using Chat.Cells.Operator.Plan;
using Chat.Cells.Operator.Report;

namespace Chat.Cells.Operator;

/// <summary>Observe → Plan → Apply → Report, for one cell. Deletion is the same walk with another plan.</summary>
public sealed partial class CellController(
    Observer observer,
    CellPlanner planner,
    SecretWriter secrets,
    ObjectApplier applier,
    StatusReporter reporter,
    TimeProvider time,
    ILogger<CellController> logger) : IEntityController<ChatCell>, IEntityFinalizer<ChatCell>
{
    /// <inheritdoc/>
    public string Identifier => ChatCell.Finalizer;

    /// <inheritdoc/>
    public async Task<ReconciliationResult> ReconcileAsync(ChatCell entity, CancellationToken cancellationToken) =>
        new((await RunAsync(entity, cancellationToken)).RequeueAfter);

    /// <inheritdoc/>
    public async Task<FinalizerResult> FinalizeAsync(ChatCell entity, CancellationToken cancellationToken)
    {
        var plan = await RunAsync(entity, cancellationToken);
        return plan.MayGo ? FinalizerResult.Done : FinalizerResult.NotYet(plan.RequeueAfter ?? TimeSpan.FromSeconds(5));
    }

    /// <inheritdoc/>
    public Task DeletedAsync(ObjectKey key, CancellationToken cancellationToken)
    {
        LogGone(key);
        return Task.CompletedTask;
    }

    private async Task<CellPlan> RunAsync(ChatCell cell, CancellationToken cancellationToken)
    {
        var observed = await observer.CellAsync(cell, cancellationToken);
        var plan = planner.Make(observed, time.GetUtcNow());
        LogStep(ObjectKey.Of(cell), plan.Step);
        if (plan.Secret is not null)
        {
            await secrets.WriteAsync(plan.Secret, cancellationToken);
        }
        foreach (var desired in plan.Objects)
        {
            await applier.ApplyAsync(desired, cancellationToken);
        }
        foreach (var obsolete in plan.Obsolete)
        {
            await applier.DeleteAsync(obsolete, cancellationToken);
        }
        if (!plan.MayGo)
        {
            await reporter.ReportAsync(cell, plan.Status, cancellationToken);
        }
        return plan;
    }

    [LoggerMessage(1, LogLevel.Debug, "Cell {Key}: {Step}")]
    private partial void LogStep(ObjectKey key, string step);

    [LoggerMessage(2, LogLevel.Information, "Cell {Key} is gone")]
    private partial void LogGone(ObjectKey key);
}
