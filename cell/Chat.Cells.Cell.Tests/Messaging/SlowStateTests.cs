using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Records;
using Chat.Cells.Cell.Tests.Messaging.Doubles;

namespace Chat.Cells.Cell.Tests.Messaging;

/// <summary>Judging while the fast state takes calls and does not answer them.</summary>
public sealed class SlowStateTests
{
    private readonly TestCell cell = new();

    [Fact]
    public async Task Judge_StateThatDoesNotAnswer_GoesOnAndVerdictsComeInOrderLater()
    {
        var answers = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cell.State.Answers = answers.Task;
        var requests = Enumerable.Range(0, 100).Select(i => $"m{i}").ToList();
        cell.Add(Say.CreateGroup(Say.Ben));
        foreach (var request in requests) cell.Add(Say.Send(Say.Group, Say.Anna, request));

        // One batch of many records, then many of one.
        var worker = await Worker.StartAsync(cell.Log, FanOutRole.Group, TestCell.JudgedPartitions[1], cell.FanOut());
        await worker.StepAsync(60).WaitAsync(TimeSpan.FromSeconds(30));
        while (await worker.StepAsync(1).WaitAsync(TimeSpan.FromSeconds(30)))
        {
        }

        Assert.Equal(101, cell.Log.Committed(FanOutRole.Group, TestCell.JudgedPartitions[1])!.NextOffset);
        Assert.Equal(100, cell.Store.Messages.Count);
        answers.SetResult();
        await Poll.UntilAsync(() => cell.State.Verdicts.Count() == 101, "all verdicts are published");
        Assert.Equal(["create", .. requests], cell.State.Verdicts.Select(v => v.RequestId));
    }

    [Fact]
    public async Task Judge_StateThatDoesNotAnswer_ReceiptsComeLater()
    {
        var answers = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cell.Add(Say.CreateGroup(Say.Ben));
        cell.Add(Say.Send(Say.Group, Say.Anna, "m1"));
        await cell.JudgeAllAsync();
        var message = cell.Store.Messages.Values.Single().MessageId;
        cell.State.Answers = answers.Task;
        cell.Add(new ReceiptRecord(Say.Group, Say.Ben, message, null, [Say.Anna]));
        cell.Add(new ReceiptRecord(Say.Group, Say.Ben, message, message, [Say.Anna]));

        await cell.JudgeAllAsync(1).WaitAsync(TimeSpan.FromSeconds(30));

        answers.SetResult();
        await Poll.UntilAsync(() => cell.State.Published.Count(p => p.Message is ReceiptHint) == 2, "both receipts are published");
        Assert.Equal([null, message], cell.State.Published.Select(p => p.Message).OfType<ReceiptHint>().Select(r => r.ReadUpTo));
    }
}
