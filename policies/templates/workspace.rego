# METADATA
# title: Workspace
# description: File tools stay inside these directories. The base rule `filesystem.roots` denies the rest.
# scope: package
package behavry.tenant.workspace

filesystem_roots contains "/srv/workspace"

filesystem_roots contains "/tmp/exchange"
