namespace MedPeft.Lora.Checkpoints.Pickle;

/// <summary>Refuses values that lie too deep in one another, without recursion of its own.</summary>
internal static class PickleDepth
{
    private const int InProgress = -2;

    /// <summary>Returns the value if no path from it is longer than the limit. Values that hold themselves are permitted.</summary>
    public static object? Check(object? value, PickleReader reader)
    {
        if (value is not PickleNode root) return value;
        var path = new Stack<(PickleNode Node, int Next)>();
        Enter(root);
        while (path.TryPop(out var top))
        {
            var (node, next) = top;
            if (next == node.ChildCount)
            {
                var height = 0;
                for (var i = 0; i < node.ChildCount; i++)
                    if (node.Child(i) is PickleNode { Height: >= 0 } child) height = Math.Max(height, child.Height + 1);
                node.Height = height;
                continue;
            }

            path.Push((node, next + 1));
            if (node.Child(next) is not PickleNode below) continue;
            if (below.Height >= 0) Refuse(path.Count + below.Height);
            else if (below.Height != InProgress) Enter(below);
        }

        return value;

        void Enter(PickleNode node)
        {
            Refuse(path.Count);
            node.Height = InProgress;
            path.Push((node, 0));
        }

        void Refuse(int depth)
        {
            if (depth > Limits.PickleDepth) throw reader.Fault($"values lie more than {Limits.PickleDepth} deep in one another");
        }
    }
}
