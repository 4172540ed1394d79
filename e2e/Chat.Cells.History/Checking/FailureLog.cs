namespace Chat.Cells.History.Checking;

/// <summary>Counts failures and keeps the first few of each rule.</summary>
internal sealed class FailureLog
{
    private const int KeptPerRule = 5;
    private readonly SortedDictionary<Rule, int> counts = [];
    private readonly List<Failure> first = [];

    public IReadOnlyDictionary<Rule, int> Counts => counts;

    public IReadOnlyList<Failure> First => first;

    public void Add(Rule rule, string explanation)
    {
        var count = counts.GetValueOrDefault(rule);
        counts[rule] = count + 1;
        if (count < KeptPerRule) first.Add(new Failure(rule, explanation));
    }
}
