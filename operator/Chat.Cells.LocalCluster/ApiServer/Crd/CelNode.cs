namespace Chat.Cells.LocalCluster.ApiServer.Crd;

/// <summary>An expression failed while it ran; the rule then counts as broken.</summary>
internal sealed class CelEvaluationException(string message) : Exception(message);

/// <summary>The variables of one evaluation, and a budget that stops rules that would run too long.</summary>
internal sealed class CelScope
{
    private const int MaxSteps = 1_000_000;
    private readonly Dictionary<string, object?> _variables = new(StringComparer.Ordinal);
    private int _steps;

    public object? this[string name]
    {
        get => _variables[name];
        set => _variables[name] = value;
    }

    public void Step()
    {
        if (++_steps > MaxSteps)
        {
            throw new CelEvaluationException("call cost exceeds limit");
        }
    }
}

/// <summary>A node of an expression. Values are null, bool, long, double, string, <c>List&lt;object?&gt;</c> and <c>Dictionary&lt;string, object?&gt;</c>.</summary>
internal abstract record CelNode
{
    public abstract object? Evaluate(CelScope scope);

    protected static bool Truth(object? value, string where) =>
        value is bool b ? b : throw new CelEvaluationException($"{where} needs a bool, got {CelValues.TypeOf(value)}");
}

internal sealed record CelLiteral(object? Value) : CelNode
{
    public override object? Evaluate(CelScope scope) => Value;
}

internal sealed record CelVariable(string Name) : CelNode
{
    public override object? Evaluate(CelScope scope) => scope[Name];
}

internal sealed record CelSelect(CelNode Target, string Field) : CelNode
{
    public override object? Evaluate(CelScope scope)
    {
        scope.Step();
        return Target.Evaluate(scope) is Dictionary<string, object?> map
            ? map.TryGetValue(Field, out var value) ? value : throw new CelEvaluationException($"no such key: {Field}")
            : throw new CelEvaluationException($"the field {Field} is selected on a value that has no fields");
    }
}

internal sealed record CelHas(CelSelect Field) : CelNode
{
    public override object? Evaluate(CelScope scope) => Field.Target.Evaluate(scope) is Dictionary<string, object?> map
        ? map.ContainsKey(Field.Field)
        : throw new CelEvaluationException($"has() of the field {Field.Field} on a value that has no fields");
}

internal sealed record CelIndex(CelNode Target, CelNode Index) : CelNode
{
    public override object? Evaluate(CelScope scope)
    {
        scope.Step();
        return (Target.Evaluate(scope), Index.Evaluate(scope)) switch
        {
            (List<object?> list, long i) => i >= 0 && i < list.Count ? list[(int)i] : throw new CelEvaluationException($"index out of bounds: {i}"),
            (Dictionary<string, object?> map, string key) => map.TryGetValue(key, out var value) ? value : throw new CelEvaluationException($"no such key: {key}"),
            _ => throw new CelEvaluationException("no such overload: index"),
        };
    }
}

internal sealed record CelUnary(string Operator, CelNode Operand) : CelNode
{
    public override object? Evaluate(CelScope scope) => (Operator, Operand.Evaluate(scope)) switch
    {
        ("!", bool b) => !b,
        ("-", long l) => checked(-l),
        ("-", double d) => -d,
        (_, var value) => throw new CelEvaluationException($"no such overload: {Operator}{CelValues.TypeOf(value)}"),
    };
}

internal sealed record CelTernary(CelNode Condition, CelNode Then, CelNode Otherwise) : CelNode
{
    public override object? Evaluate(CelScope scope) =>
        Truth(Condition.Evaluate(scope), "?:") ? Then.Evaluate(scope) : Otherwise.Evaluate(scope);
}

internal sealed record CelBinary(string Operator, CelNode Left, CelNode Right) : CelNode
{
    public override object? Evaluate(CelScope scope)
    {
        scope.Step();
        return Operator switch
        {
            "&&" => Logical(scope, decisive: false),
            "||" => Logical(scope, decisive: true),
            "==" => CelValues.AreEqual(Left.Evaluate(scope), Right.Evaluate(scope)),
            "!=" => !CelValues.AreEqual(Left.Evaluate(scope), Right.Evaluate(scope)),
            "in" => CelValues.Contains(Right.Evaluate(scope), Left.Evaluate(scope)),
            "<" => CelValues.Compare(Left.Evaluate(scope), Right.Evaluate(scope)) < 0,
            "<=" => CelValues.Compare(Left.Evaluate(scope), Right.Evaluate(scope)) <= 0,
            ">" => CelValues.Compare(Left.Evaluate(scope), Right.Evaluate(scope)) > 0,
            ">=" => CelValues.Compare(Left.Evaluate(scope), Right.Evaluate(scope)) >= 0,
            _ => CelValues.Arithmetic(Operator, Left.Evaluate(scope), Right.Evaluate(scope)),
        };
    }

    // Either side may decide alone, even when the other one fails.
    private bool Logical(CelScope scope, bool decisive)
    {
        bool left;
        try
        {
            left = Truth(Left.Evaluate(scope), Operator);
        }
        catch (CelEvaluationException) when (Decides(scope, decisive))
        {
            return decisive;
        }

        return left == decisive ? decisive : Truth(Right.Evaluate(scope), Operator);
    }

    private bool Decides(CelScope scope, bool decisive)
    {
        try
        {
            return Right.Evaluate(scope) is bool right && right == decisive;
        }
        catch (CelEvaluationException)
        {
            return false; // Both sides failed: the left one's reason is told.
        }
    }
}

internal sealed record CelList(List<CelNode> Items) : CelNode
{
    public override object? Evaluate(CelScope scope) => Items.Select(i => i.Evaluate(scope)).ToList();
}

internal sealed record CelMap(List<(CelNode Key, CelNode Value)> Entries) : CelNode
{
    public override object? Evaluate(CelScope scope)
    {
        var map = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (key, value) in Entries)
        {
            map[key.Evaluate(scope) as string ?? throw new CelEvaluationException("only string keys are supported here")] = value.Evaluate(scope);
        }

        return map;
    }
}

internal sealed record CelCall(string Name, Func<IReadOnlyList<object?>, object?> Function, List<CelNode> Arguments) : CelNode
{
    public override object? Evaluate(CelScope scope)
    {
        scope.Step();
        return Function([.. Arguments.Select(a => a.Evaluate(scope))]);
    }
}

/// <summary>all, exists, exists_one, filter and map over a list, or over the keys of a map.</summary>
internal sealed record CelMacro(string Name, CelNode Target, string Variable, CelNode Body, CelNode? Second) : CelNode
{
    public override object? Evaluate(CelScope scope)
    {
        var items = Target.Evaluate(scope) switch
        {
            List<object?> list => list,
            Dictionary<string, object?> map => map.Keys.ToList<object?>(),
            var other => throw new CelEvaluationException($"{Name} needs a list or a map, got {CelValues.TypeOf(other)}"),
        };

        return Name switch
        {
            "filter" => items.Where(i => Test(scope, i)).ToList(),
            "map" => Second is null
                ? items.Select(i => Bind(scope, i, Body)).ToList()
                : items.Where(i => Test(scope, i)).Select(i => Bind(scope, i, Second)).ToList(),
            "exists_one" => items.Count(i => Test(scope, i)) == 1,
            "exists" => Quantify(scope, items, decisive: true),
            _ => Quantify(scope, items, decisive: false),
        };
    }

    private bool Quantify(CelScope scope, List<object?> items, bool decisive)
    {
        CelEvaluationException? failure = null;
        foreach (var item in items)
        {
            try
            {
                if (Test(scope, item) == decisive)
                {
                    return decisive;
                }
            }
            catch (CelEvaluationException e)
            {
                failure = e;
            }
        }

        return failure is null ? !decisive : throw failure;
    }

    private bool Test(CelScope scope, object? item) => Truth(Bind(scope, item, Body), Name);

    private object? Bind(CelScope scope, object? item, CelNode body)
    {
        scope.Step();
        scope[Variable] = item;
        return body.Evaluate(scope);
    }
}
